import { join } from 'node:path'
import { createCpuDevice, createReferenceDevice } from '@modu/engine'
import { afterAll, describe, expect, test } from 'vitest'
import { loadModel } from './loadModel.ts'

const cpu = createCpuDevice({ threads: 2 })
afterAll(() => cpu.close())

describe.each(['k1-base', 'llama', 'qwen3'])('sequences of %s in pages', name => {
  test.each([createReferenceDevice(), cpu])('each equal one that goes on alone ($name)', device => {
    const model = loadModel(join(import.meta.dirname, '../fixtures', name), device)
    const cache = model.createPages(8 * 16)
    const { pageTokens } = cache
    const beginning = Array.from({ length: pageTokens }, (_, i) => (i * 7) % 50)
    const prompts = [[...beginning, 3, 9], [4], [...beginning, 5, 6, 7]]
    const alone = prompts.map(() => model.createCache(40))
    const paged = prompts.map(() => cache.createSequence())
    const expectSame = (actual: Float32Array, expected: Float32Array) => {
      for (const [v, value] of expected.entries()) expect(Math.abs(actual[v]! - value)).toBeLessThan(3e-5)
    }

    for (const [s, prompt] of prompts.entries()) {
      const expected = model.step(prompt, alone[s]!)
      // The last one has its first page from the first.
      if (s === 2) paged[2]!.share(paged[0]!.pages[0]!)
      expectSame(model.step(prompt.slice(paged[s]!.length), paged[s]!), expected)
    }
    expect(cache.freePages).toBe(8 - 4)
    expect(cache.holdersOf(paged[0]!.pages[0]!)).toBe(2)

    // Together, in any company, over the end of a page.
    for (let step = 0; step < pageTokens + 2; step++) {
      const members = step % 3 === 0 ? [0, 1, 2] : [2, step % 2]
      const tokens = members.map(s => (step + 5 * s) % 40)
      const together = model.stepAll(
        tokens,
        members.map(s => paged[s]!),
      )
      for (const [m, s] of members.entries()) {
        const expected = model.step([tokens[m]!], alone[s]!)
        expectSame(together.subarray(m * expected.length, (m + 1) * expected.length), expected)
      }
    }
    // Several tokens of one sequence beside another's.
    const rows = model.stepAll([6, 2, 7, 8], [paged[0]!, paged[2]!, paged[0]!, paged[0]!]).slice()
    const size = rows.length / 4
    expectSame(rows.subarray(3 * size), model.step([6, 7, 8], alone[0]!))
    expectSame(rows.subarray(size, 2 * size), model.step([2], alone[2]!))
    // A longer piece behind a past that lies in several pages.
    expectSame(model.step([1, 2, 3], paged[1]!), model.step([1, 2, 3], alone[1]!))

    expect(() => model.stepAll([1, 1], paged)).toThrow('a token for each')
    expect(() => model.stepAll([1e9], [paged[0]!])).toThrow('is not in the vocabulary')
    expect(() => model.stepAll([1], [alone[0]!])).toThrow('createPages')
    expect(() => paged[0]!.truncate(3)).toThrow('cannot be cut at 3')
    const other = cache.createSequence()
    expect(other.reserve(7 * pageTokens)).toBe(false)
    expect(() => model.step([1], cache.createSequence())).toThrow('does not fit into the cache')
    for (const sequence of [other, ...paged]) sequence.release()
    expect(cache.freePages).toBe(8)
    expect(() => cache.letGo(0)).toThrow('twice')
    cache.release()
  })

  test.each([createReferenceDevice(), cpu])('fork, and each goes on by itself ($name)', device => {
    const model = loadModel(join(import.meta.dirname, '../fixtures', name), device)
    const cache = model.createPages(5 * 16)
    const { pageTokens } = cache
    const text = (length: number, step: number) => Array.from({ length }, (_, i) => (i * step) % 40)
    // At the end of a page and within one.
    for (const length of [pageTokens, pageTokens + 3]) {
      const prompt = text(length, 7)
      const first = cache.createSequence()
      model.step(prompt, first)
      const second = first.fork()
      expect(second.length).toBe(length)
      expect(cache.sharedPages).toBe(1)
      const alone = [3, 5].map(step => {
        const single = model.createCache(40)
        model.step(prompt, single)
        return { single, tokens: text(pageTokens, step) }
      })
      for (let t = 0; t < pageTokens; t++) {
        const together = model.stepAll(
          alone.map(({ tokens }) => tokens[t]!),
          [first, second],
        )
        const [a, b] = [together.slice(0, together.length / 2), together.slice(together.length / 2)]
        for (const [s, rows] of [a, b].entries()) {
          const { single, tokens } = alone[s]!
          const expected = model.step([tokens[t]!], single)
          for (const [v, value] of expected.entries()) expect(Math.abs(rows[v]! - value)).toBeLessThan(3e-5)
        }
      }
      first.release()
      second.release()
      expect(cache.freePages).toBe(5)
    }
    // Without a free page the fork has the full pages only.
    const whole = cache.createSequence()
    model.step(text(4 * pageTokens + 2, 3), whole)
    expect(whole.fork().length).toBe(4 * pageTokens)
  })

  test.each([createReferenceDevice(), cpu])('go on in one pass, as many as there may be ($name)', device => {
    const model = loadModel(join(import.meta.dirname, '../fixtures', name), device)
    const cache = model.createPages(64 * 16)
    const prompts = Array.from({ length: cache.mostTogether }, (_, s) => [s % 40, ...[5, 6, 7].slice(s % 4)])
    const alone = prompts.map(() => model.createCache(8))
    const paged = prompts.map(() => cache.createSequence())
    for (const [s, prompt] of prompts.entries())
      for (const sequence of [alone[s]!, paged[s]!]) model.step(prompt, sequence)
    for (const count of [cache.mostTogether, 17, 9]) {
      const tokens = prompts.slice(0, count).map((_, s) => (7 * s + count) % 40)
      const together = model.stepAll(tokens, paged.slice(0, count)).slice()
      for (const [s, token] of tokens.entries()) {
        const expected = model.step([token], alone[s]!)
        for (const [v, value] of expected.entries())
          expect(Math.abs(together[s * expected.length + v]! - value)).toBeLessThan(3e-5)
      }
    }
    for (const sequence of [...alone, ...paged]) sequence.release()
    cache.release()
  })
})
