import { join } from 'node:path'
import { createCpuDevice, createReferenceDevice } from '@modu/engine'
import { afterAll, describe, expect, test } from 'vitest'
import { loadModel } from './loadModel.ts'

const cpu = createCpuDevice({ threads: 2 })
afterAll(() => cpu.close())

describe.each(['k1-base', 'llama', 'qwen3'])('sequences of %s that go on together', name => {
  test.each([createReferenceDevice(), cpu])('each equal one that goes on alone ($name)', device => {
    const model = loadModel(join(import.meta.dirname, '../fixtures', name), device)
    const prompts = [[5, 17, 3, 9, 11], [4], [7, 8]]
    const alone = prompts.map(prompt => {
      const cache = model.createCache(9)
      model.step(prompt, cache)
      return cache
    })
    const together = model.createCaches(3, 9)
    for (const [s, cache] of alone.entries()) together.fill(s, cache)

    /** Appends to those whose token is not −1, and compares their logits. */
    function expectSame(tokens: number[]): void {
      const logits = model.stepAll(tokens, together)
      for (const [s, token] of tokens.entries()) {
        if (token < 0) continue
        const single = model.step([token], alone[s]!)
        for (const [v, value] of single.entries())
          expect(Math.abs(logits[s * single.length + v]! - value)).toBeLessThan(1e-5)
      }
    }
    expectSame([1, 2, 3])
    expectSame([4, -1, 6])
    expectSame([-1, 8, -1])
    // Another sequence takes the place of one.
    const next = model.createCache(9)
    model.step([2, 2, 4], next)
    together.fill(1, next)
    alone[1] = next
    for (const token of [3, 5]) expectSame([token, token + 1, token + 2])
    // The first is full now; it rests, and the others go on.
    expect(alone[0]!.length).toBe(9)
    expectSame([-1, 1, 1])
    expect(() => model.stepAll([1, 1, 1], together)).toThrow('a sequence has its 9 tokens already')
    expect(() => model.stepAll([-1, 1, 1e9], together)).toThrow('is not in the vocabulary')
    expect(() => model.stepAll([1, 1], together)).toThrow('2 tokens are not one for each of 3 sequences')
    expectSame([-1, 2, 7])
    together.release()
    expect(() => model.createCaches(9, 9)).toThrow('1 to 8 sequences, not 9')
  })
})
