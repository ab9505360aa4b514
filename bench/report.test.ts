import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { matmulModel } from './peers/onnxModel.ts'
import { markdown, result, table } from './report.ts'
import { targets, wantsPeer } from './targets.ts'

test('ratio and share of the limit, whichever way is better', () => {
  const more = result({ name: 'x', unit: 'GFLOP/s', ours: 50, peer: 100, peerName: 'p', limit: 200, cases: [] })
  expect(more).toMatchObject({ ratio: 0.5, limitShare: 0.25 })
  const less = result({ name: 'x', unit: 'µs', lessIsBetter: true, ours: 2, limit: 1, cases: [] })
  expect(less).toMatchObject({ peer: null, peerName: null, ratio: null, limitShare: 0.5 })
})

test('a table lines up', () => {
  const rows = [
    { what: 'a', n: 1234, share: 0.12345, peer: null },
    { what: 'longer', n: 5, share: 1.5, peer: 2 },
  ]
  expect(table(rows).split('\n')).toEqual([
    'what        n  share  peer',
    '------  -----  -----  ----',
    'a       1,234  0.123     –',
    'longer      5    1.5     2',
  ])
})

test('the same table in Markdown, numbers on the right', () => {
  expect(markdown([{ what: 'a', n: 1234, peer: null }]).split('\n')).toEqual([
    '| what | n | peer |',
    '| --- | ---: | ---: |',
    '| a | 1,234 | – |',
  ])
})

test('all targets of the machine, or the one that is asked for', () => {
  expect(targets([]).at(-1)).toBe('wasm')
  expect(targets(['--target', 'x64-avx2', '--no-peer'])).toEqual(['x64-avx2'])
  expect(wantsPeer(['--target', 'wasm'])).toBe(true)
  expect(wantsPeer(['--no-peer'])).toBe(false)
})

test('names are listed, an unknown one is refused', () => {
  const run = (...args: string[]) => {
    const file = new URL('./run.ts', import.meta.url).pathname
    return spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' })
  }
  expect(run('--list').stdout).toContain('matmul')
  const { status, stderr } = run('nothing')
  expect(status).toBe(1)
  expect(stderr).toContain('Which benchmark? One of: matmul')
})

test('the peer’s model names its inputs and sizes', () => {
  const bytes = matmulModel(3, 300, 5)
  expect(Buffer.from(bytes).toString('latin1')).toContain('MatMul')
  // 300 as a varint of two bytes.
  expect(Buffer.from(bytes).includes(Buffer.from([0x08, 0xac, 0x02]))).toBe(true)
})
