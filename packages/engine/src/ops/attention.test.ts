import { describe, expect, test } from 'vitest'
import { Tape } from '../autograd.ts'
import { createCpuDevice } from '../device/cpu.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { expectClose, integers, randomSource, reals, testOperation } from '../testing.ts'
import { attention } from './attention.ts'
import { scale } from './scale.ts'

interface Sizes {
  sequences: number
  queries: number
  keys: number
  heads: number
  groups: number
  dim: number
  valueDim: number
}

const sizes = (
  sequences: number,
  queries: number,
  keys: number,
  heads: number,
  groups: number,
  dim: number,
  valueDim: number,
): Sizes => ({ sequences, queries, keys, heads, groups, dim, valueDim })

/** Where sequences of these lengths begin, and where the last one ends. */
function startsOf(lengths: readonly number[]): number[] {
  const starts = [0]
  for (const length of lengths) starts.push(starts.at(-1)! + length)
  return starts
}

describe('attention', () => {
  testOperation('attention', {
    shapes: [
      sizes(1, 1, 1, 1, 1, 1, 1),
      sizes(2, 3, 5, 4, 2, 3, 2),
      sizes(1, 1, 97, 8, 8, 48, 32),
      sizes(1, 1, 31, 8, 1, 49, 13),
      sizes(3, 13, 13, 2, 2, 7, 9),
      sizes(2, 49, 49, 4, 4, 48, 32),
      sizes(1, 97, 130, 6, 2, 31, 31),
      sizes(1, 8, 9, 3, 1, 64, 64),
      sizes(1, 130, 130, 1, 1, 16, 8),
      sizes(1, 197, 211, 1, 1, 7, 5),
    ],
    gradientShapes: [
      sizes(1, 1, 1, 1, 1, 1, 1),
      sizes(2, 3, 5, 4, 2, 3, 2),
      sizes(1, 4, 4, 3, 1, 2, 3),
      sizes(2, 2, 2, 2, 2, 5, 1),
    ],
    make: ({ sequences, queries, keys, heads, groups, dim, valueDim }, random) => ({
      inputs: {
        q: reals(random, [sequences * queries, heads, dim]),
        k: reals(random, [sequences * keys, groups, dim]),
        v: reals(random, [sequences * keys, groups, valueDim]),
      },
      run: ({ q, k, v }) => attention(q!, k!, v!, { sequences, scale: dim ** -0.5 }),
    }),
  })

  testOperation('attention with scores far apart', {
    shapes: [sizes(1, 5, 9, 2, 1, 4, 4)],
    gradientShapes: [],
    make: ({ keys, queries, heads, groups, dim, valueDim }, random) => ({
      inputs: {
        q: reals(random, [queries, heads, dim], 30),
        k: reals(random, [keys, groups, dim], 30),
        v: reals(random, [keys, groups, valueDim]),
      },
      run: ({ q, k, v }) => attention(q!, k!, v!, { sequences: 1, scale: 0.5 }),
    }),
    // Scores of hundreds: float32 keeps four digits of their differences.
    tolerance: 1e-3,
  })

  testOperation('attention of intermediate tensors, whose gradients are written first', {
    shapes: [sizes(2, 49, 49, 4, 4, 48, 32), sizes(1, 97, 130, 6, 2, 31, 31), sizes(9, 3, 5, 2, 1, 3, 4)],
    gradientShapes: [sizes(1, 3, 4, 2, 1, 2, 3), sizes(9, 2, 2, 1, 1, 1, 2)],
    make: ({ sequences, queries, keys, heads, groups, dim, valueDim }, random) => ({
      inputs: {
        q: reals(random, [sequences * queries, heads, dim]),
        k: reals(random, [sequences * keys, groups, dim]),
        v: reals(random, [sequences * keys, groups, valueDim]),
      },
      run: inputs => {
        const [q, k, v] = ['q', 'k', 'v'].map(name => scale(inputs[name]!, 2))
        return attention(q!, k!, v!, { sequences, scale: dim ** -0.5 })
      },
    }),
  })

  testOperation('attention of a tensor to itself', {
    shapes: [
      [1, 130, 2],
      [4, 7, 2],
    ],
    gradientShapes: [
      [1, 3, 1],
      [4, 2, 2],
    ],
    make: ([sequences, tokens, heads], random) => ({
      inputs: { x: reals(random, [sequences! * tokens!, heads!, 5]) },
      run: inputs => {
        const x = scale(inputs.x!, 0.5)
        return attention(x, x, x, { sequences: sequences!, scale: 1 })
      },
    }),
  })

  testOperation('attention of sequences that differ in length', {
    shapes: [
      { lengths: [1], heads: 1, groups: 1, dim: 3, valueDim: 2 },
      { lengths: [2, 1, 1, 3], heads: 2, groups: 1, dim: 5, valueDim: 4 },
      { lengths: [0, 3, 0, 0, 2, 0], heads: 2, groups: 2, dim: 4, valueDim: 3 },
      // Around the sides of tiles and blocks of all targets.
      { lengths: [11, 12, 13, 31, 32, 33], heads: 2, groups: 2, dim: 48, valueDim: 32 },
      { lengths: [95, 96, 97, 5], heads: 2, groups: 1, dim: 7, valueDim: 9 },
      { lengths: [193, 1, 191], heads: 1, groups: 1, dim: 4, valueDim: 4 },
      { lengths: Array.from({ length: 40 }, (_, s) => 1 + (s % 5)), heads: 4, groups: 2, dim: 6, valueDim: 5 },
      { lengths: [1, 2, 210, 3, 1], heads: 2, groups: 1, dim: 8, valueDim: 8 },
    ],
    gradientShapes: [
      { lengths: [2, 1, 4], heads: 2, groups: 1, dim: 3, valueDim: 2 },
      { lengths: [0, 3, 0, 2], heads: 2, groups: 2, dim: 2, valueDim: 3 },
    ],
    make: ({ lengths, heads, groups, dim, valueDim }, random) => {
      const starts = startsOf(lengths)
      const rows = starts.at(-1)!
      return {
        inputs: {
          q: reals(random, [rows, heads, dim]),
          k: reals(random, [rows, groups, dim]),
          v: reals(random, [rows, groups, valueDim]),
          starts: integers(starts),
        },
        run: ({ q, k, v, starts }) => attention(q!, k!, v!, { sequences: starts!, scale: dim ** -0.5 }),
      }
    },
  })

  test('of sequences that lie side by side, each is what it is alone', () => {
    const device = createReferenceDevice()
    const random = randomSource(8)
    const lengths = [3, 1, 5]
    const starts = startsOf(lengths)
    const [q, k, v] = [2, 1, 1].map(heads => device.from(reals(random, [9, heads, 4]).values, [9, heads, 4]))
    const options = { scale: 0.5 }
    const together = attention(q!, k!, v!, { ...options, sequences: device.from(starts, [4], 'i32') })
    const alone = lengths.flatMap((_, s) => {
      const [a, b, c] = [q, k, v].map(x => x!.rows(starts[s]!, starts[s + 1]!))
      return [...attention(a!, b!, c!, { ...options, sequences: 1 }).reals]
    })
    expect([...together.reals]).toEqual(alone)
  })

  test('a query sees nothing after itself, and each sequence only itself', () => {
    const device = createReferenceDevice()
    const random = randomSource(5)
    const tensor = (shape: number[]) => device.from(reals(random, shape).values, shape)
    const [q, k, v] = [tensor([6, 2, 4]), tensor([6, 2, 4]), tensor([6, 2, 3])]
    const run = () => Array.from(attention(q, k, v, { sequences: 2, scale: 0.5 }).data)
    const before = run()
    // Key and value 4 are the second of the second sequence: rows 0 to 3 must not notice.
    k.data.fill(7, 4 * 8, 5 * 8)
    v.data.fill(7, 4 * 6, 5 * 6)
    const after = run()
    expect(after.slice(0, 4 * 6)).toEqual(before.slice(0, 4 * 6))
    expect(after.slice(4 * 6, 5 * 6)).not.toEqual(before.slice(4 * 6, 5 * 6))
    // The first query of a sequence sees one key only: its value is the answer.
    expectClose(after.slice(0, 6), v.data.slice(0, 6), 1e-12, 'first query')
  })

  test('takes no memory for scores, however long the sequence is', async () => {
    const [tokens, heads, dim] = [4096, 2, 16]
    const device = createCpuDevice({ threads: 2 })
    const before = device.reservedBytes
    const random = randomSource(3)
    const [q, k, v] = [0, 1, 2].map(() => {
      const tensor = device.from(reals(random, [tokens, heads, dim]).values, [tokens, heads, dim])
      tensor.requiresGrad = true
      tensor.grad = device.persistent(tensor.shape)
      return tensor
    })
    device.tape = new Tape()
    const y = attention(q!, k!, v!, { sequences: 1, scale: dim ** -0.5 })
    const loss = device.temporary([])
    device.tape.record(loss, () => device.fill(device.tape!.gradient(y), 1))
    device.tape.backward(loss)
    const tensors = 6 * 4 * q!.size
    const arenaChunk = 16 << 20
    const scratch = 2 << 20
    const scores = 4 * tokens * tokens
    expect(tensors + arenaChunk + scratch).toBeLessThan(scores / 2)
    expect(device.reservedBytes - before).toBeLessThan(tensors + arenaChunk + scratch)
    await device.close()
  })

  test('refuses shapes that do not fit', () => {
    const device = createReferenceDevice()
    const t = (...shape: number[]) => device.persistent(shape)
    expect(() => attention(t(2, 3, 4), t(2, 2, 4), t(2, 2, 4), { sequences: 1, scale: 1 })).toThrow('do not fit')
    expect(() => attention(t(3, 2, 4), t(2, 2, 4), t(2, 2, 4), { sequences: 1, scale: 1 })).toThrow(
      '3 queries and 2 keys',
    )
    for (const starts of [
      [0, 2],
      [1, 3],
      [0, 3, 2, 3],
    ]) {
      const sequences = device.from(starts, [starts.length], 'i32')
      expect(() => attention(t(3, 2, 4), t(3, 2, 4), t(3, 2, 4), { sequences, scale: 1 })).toThrow('that begin at')
    }
  })
})
