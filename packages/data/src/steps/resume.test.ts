import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@modu/model'
import { afterAll, expect, test } from 'vitest'
import { type CleaningDone, type CleaningOptions, cleanDocuments } from './cleanDocuments.ts'
import { inventedWords } from './testTexts.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-resume-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string) => join(folder, name)

const random = new Random(4)
const texts = Array.from({ length: 400 }, () => inventedWords(random, 20 + random.integer(40)).join(' '))
for (const [name, from] of [
  ['a.jsonl', 0],
  ['b.jsonl', 150],
] as const) {
  const lines = texts.slice(from, from + 250).map((text, i) => JSON.stringify({ id: `${name}:${i}`, text }))
  writeFileSync(file(name), `${lines.join('\n')}\n`)
}

// Each test starts several processes with threads, which a busy machine takes its time for.
const patience = { timeout: 240_000 }

const options = (out: string): CleaningOptions => ({
  inputs: [file('a.jsonl'), file('b.jsonl')],
  out: file(out),
  report: file(`${out}.json`),
  threads: 2,
  shardCharacters: 4000,
})

/** Cleans in a process of its own and kills it when that has told `count` times how far it is. */
async function killed(out: string, count: number): Promise<CleaningDone> {
  const program = `
    import { writeSync } from 'node:fs'
    import { cleanDocuments } from ${JSON.stringify(new URL('cleanDocuments.ts', import.meta.url).href)}
    const onProgress = done => writeSync(1, JSON.stringify(done) + '\\n')
    await cleanDocuments({ ...${JSON.stringify(options(out))}, onProgress })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let told = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    told += chunk
    if (told.split('\n').length > count) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  return JSON.parse(told.trimEnd().split('\n').at(-1)!) as CleaningDone
}

test(
  'killed again and again, cleaning goes on where it was and ends as if nothing had happened',
  patience,
  async () => {
    const whole = await cleanDocuments(options('whole.jsonl'))
    const size = statSync(file('a.jsonl')).size + statSync(file('b.jsonl')).size

    const first = await killed('out.jsonl', 2)
    const second = await killed('out.jsonl', 5)
    expect(second.reusedBytes).toBeGreaterThanOrEqual(first.bytes)
    expect(readdirSync(folder)).not.toContain('out.jsonl')

    const told: CleaningDone[] = []
    const resumed = await cleanDocuments({ ...options('out.jsonl'), onProgress: done => told.push(done) })
    expect(told.at(-1)).toMatchObject({ bytes: size, totalBytes: size })
    expect(told.at(-1)!.reusedBytes).toBeGreaterThanOrEqual(second.bytes)
    expect(resumed).toEqual(whole)
    expect(readFileSync(file('out.jsonl'))).toEqual(readFileSync(file('whole.jsonl')))
    expect(readFileSync(file('out.jsonl.json'))).toEqual(readFileSync(file('whole.jsonl.json')))
    expect(readdirSync(folder).filter(name => /tmp|parts/.test(name))).toEqual([])
  },
)

test('shards of another command are not taken', patience, async () => {
  await killed('other.jsonl', 3)
  const told: CleaningDone[] = []
  await cleanDocuments({ ...options('other.jsonl'), minCharacters: 30, onProgress: done => told.push(done) })
  expect(told.at(-1)!.reusedBytes).toBe(0)
})
