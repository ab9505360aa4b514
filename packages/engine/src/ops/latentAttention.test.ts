import { afterAll, describe, expect, test } from 'vitest'
import { createCpuDevice } from '../device/cpu.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { expectClose, randomSource, reals } from '../testing.ts'
import { attention } from './attention.ts'
import { concat } from './concat.ts'
import { expandLatent } from './expandLatent.ts'
import { latentAttention } from './latentAttention.ts'
import { linear } from './linear.ts'

describe('latentAttention', () => {
  const cpu = createCpuDevice({ threads: 2 })
  afterAll(() => cpu.close())
  const shapes = [
    [1, 1, 1, 1, 1, 1, 1],
    [1, 7, 2, 3, 5, 4, 2],
    [3, 5, 3, 4, 2, 8, 2],
    [1, 97, 8, 32, 32, 64, 16],
    [9, 49, 4, 13, 7, 31, 6],
  ]
  for (const device of [createReferenceDevice(), cpu]) {
    test(`equals attention on expanded keys and values (${device.name})`, () => {
      for (const [rows, keys, heads, keyDim, valueDim, rank, ropeDim] of shapes as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ][]) {
        const random = randomSource(rows + keys)
        const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
        const q = tensor(rows, heads, keyDim + ropeDim)
        const [latent, rope] = [tensor(keys, rank), tensor(keys, ropeDim)]
        const w = tensor(heads * (keyDim + valueDim), rank)
        const scale = (keyDim + ropeDim) ** -0.5
        const positions = device.from(
          Array.from({ length: rows }, (_, r) => keys - rows + r),
          [rows],
          'i32',
        )
        const absorbed = latentAttention(q, concat(latent, rope), positions, w, { heads, keyDim, valueDim, scale })
        const kv = linear(latent, w).reshape([keys, heads, keyDim + valueDim])
        const { k, v } = expandLatent(kv, rope, keyDim)
        const expanded = attention(q, k, v, { sequences: 1, scale })
        expect(absorbed.shape).toEqual([rows, heads * valueDim])
        expectClose(absorbed.data, expanded.data, device.name === 'cpu' ? 1e-5 : 1e-12, `${[rows, keys, heads]}`)
      }
    })
  }
})
