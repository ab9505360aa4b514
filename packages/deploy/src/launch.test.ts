import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { engineVersions, launch, seats } from './launch.ts'
import { dtypes, engines } from './memory.ts'
import { testPlan } from './testPlan.ts'

const place = { rank: '0', head: 'first' }

describe.each(engines)('%s', engine => {
  const file = `${import.meta.dirname}/../fixtures/${engine}-${engineVersions[engine]}.flags.txt`
  const known = new Set(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line.startsWith('--')),
  )

  test.each(dtypes)('knows every flag of ours (%s)', dtype => {
    for (const gpu of ['h100', 'mi300x']) {
      for (const { text } of launch(testPlan(gpu, { engine, dtype }), '/model', place).arguments) {
        expect(known).toContain(text.replace(/=.*/s, ''))
      }
    }
    for (const flag of engine === 'vllm' ? ['--headless'] : ['--api-key']) expect(known).toContain(flag)
  })
})

const texts = (...plan: Parameters<typeof testPlan>) =>
  launch(testPlan(...plan), '/model', place).arguments.map(a => a.text)

test('vLLM gets the layout and the published parsers', () => {
  expect(texts('h100', { nodes: 4, tensor: 32 })).toEqual(
    expect.arrayContaining([
      '--tensor-parallel-size=32',
      '--pipeline-parallel-size=1',
      '--enable-expert-parallel',
      '--max-model-len=131072',
      '--tool-call-parser=hermes',
      '--reasoning-parser=deepseek_v3',
      '--nnodes=4',
      '--master-addr=first',
    ]),
  )
})

test('SGLang gets the same in its own words', () => {
  expect(texts('h200', { engine: 'sglang' })).toEqual(
    expect.arrayContaining([
      '--tp-size=8',
      '--pp-size=2',
      '--ep-size=8',
      '--context-length=131072',
      '--tool-call-parser=hermes',
      '--reasoning-parser=deepseek-v3',
      '--dist-init-addr=first:29501',
      // 0.9 − 4/139.8, rounded down.
      '--mem-fraction-static=0.87',
    ]),
  )
})

test('one node has no group', () => {
  expect(texts('mi300x').join(' ')).not.toMatch('nnodes')
})

test('as many seats as usual conversations fit into the cache, at least those of full length', () => {
  const published = testPlan('h100', { nodes: 4, tensor: 32 })
  expect(seats(published)).toBe(Math.floor(published.cacheTokens / 8192))
  expect(seats(testPlan('b200'))).toBe(256)
  const short = testPlan('h100', { context: 2048 })
  expect(seats(short)).toBe(short.fullRequests)
})
