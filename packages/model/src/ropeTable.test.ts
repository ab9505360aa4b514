import { createReferenceDevice } from '@modu/engine'
import { describe, expect, test } from 'vitest'
import type { RopeParameters } from './config.ts'
import { RopeTable, ropeFrequencies } from './ropeTable.ts'

const plain: RopeParameters = { type: 'default', theta: 10000 }
const yarn: RopeParameters = {
  type: 'yarn',
  theta: 10000,
  factor: 4,
  originalMaxPositions: 32,
  betaFast: 32,
  betaSlow: 1,
  mscale: undefined,
  mscaleAllDim: undefined,
  attentionFactor: undefined,
  truncate: true,
}

describe('ropeFrequencies', () => {
  test('fall geometrically from 1 to nearly 1/theta', () => {
    const { frequencies, attentionFactor } = ropeFrequencies(plain, 8)
    expect([...frequencies].map(f => Number(f.toPrecision(6)))).toEqual([1, 0.1, 0.01, 0.001])
    expect(attentionFactor).toBe(1)
  })

  test('linear scaling divides them all', () => {
    const { frequencies } = ropeFrequencies({ type: 'linear', theta: 10000, factor: 4 }, 8)
    expect([...frequencies]).toEqual([...ropeFrequencies(plain, 8).frequencies].map(f => Math.fround(f / 4)))
  })

  test('YaRN keeps the fastest and interpolates the slowest', () => {
    const { frequencies } = ropeFrequencies(yarn, 32)
    const unscaled = ropeFrequencies(plain, 32).frequencies
    expect(frequencies[0]).toBe(unscaled[0])
    expect(frequencies.at(-1)).toBe(Math.fround(unscaled.at(-1)! / 4))
  })

  test('YaRN scales cosines and sines by 0.1·ln(factor) + 1, by the ratio of the two mscales, or as told', () => {
    const factorOf = (change: object) => ropeFrequencies({ ...yarn, ...change }, 32).attentionFactor
    expect(factorOf({})).toBeCloseTo(0.1 * Math.log(4) + 1, 12)
    expect(factorOf({ mscale: 1, mscaleAllDim: 1 })).toBe(1)
    expect(factorOf({ mscale: 2, mscaleAllDim: 1 })).toBeCloseTo((0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1), 12)
    expect(factorOf({ attentionFactor: 0.7 })).toBe(0.7)
  })
})

describe('RopeTable', () => {
  test('grows when longer sequences come, and keeps what it had', () => {
    const table = new RopeTable(createReferenceDevice(), plain, 8)
    const short = table.upTo(10)
    expect(table.upTo(256)).toBe(short)
    const long = table.upTo(257)
    expect(long.cos.shape).toEqual([512, 4])
    expect(long.cos.rows(0, 256).data).toEqual(short.cos.data)
    expect(long.sin.data[300 * 4 + 1]).toBeCloseTo(Math.sin(30), 5)
    expect(long.cos.data[300 * 4]).toBeCloseTo(Math.cos(300), 5)
  })
})
