import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import type { Tensor } from '../tensor.ts'
import { constants, expectClose, integers, type Random, randomInteger, reals, testOperation } from '../testing.ts'
import { rotary } from './rotary.ts'
import { scale } from './scale.ts'

const positionsKnown = 11

function table(width: number, wave: (angle: number) => number) {
  const values: number[] = []
  for (let position = 0; position < positionsKnown; position++) {
    for (let i = 0; i < width / 2; i++) values.push(wave(position / 10 ** (i / width)))
  }
  return constants(values, [positionsKnown, width / 2])
}

describe('rotary', () => {
  const shapes = [
    { rows: 1, heads: 1, dim: 2, start: 0, width: 2 },
    { rows: 3, heads: 2, dim: 7, start: 3, width: 4 },
    { rows: 2, heads: 3, dim: 13, start: 0, width: 6 },
    { rows: 31, heads: 5, dim: 48, start: 32, width: 16 },
    { rows: 4, heads: 3, dim: 97, start: 7, width: 62 },
  ]
  for (const interleaved of [true, false]) {
    testOperation(interleaved ? 'interleaved pairs' : 'halves', {
      shapes,
      gradientShapes: shapes.slice(0, 3),
      make: ({ rows, heads, dim, start, width }, random: Random) => ({
        inputs: {
          x: reals(random, [rows, heads, dim]),
          cos: table(width, Math.cos),
          sin: table(width, Math.sin),
          positions: integers(Array.from({ length: rows }, () => randomInteger(random, positionsKnown))),
        },
        run: ({ x, cos, sin, positions }) =>
          rotary(x!, { cos: cos!, sin: sin! }, positions!, { start, width, interleaved }),
      }),
    })
  }

  testOperation('of an intermediate tensor, and of one that is used before', {
    shapes: shapes.slice(0, 3),
    make: ({ rows, heads, dim, start, width }, random: Random) => ({
      inputs: {
        x: reals(random, [rows, heads, dim]),
        cos: table(width, Math.cos),
        sin: table(width, Math.sin),
        positions: integers(Array.from({ length: rows }, () => randomInteger(random, positionsKnown))),
      },
      run: ({ x, cos, sin, positions }) => {
        const turn = (y: Tensor) => rotary(y, { cos: cos!, sin: sin! }, positions!, { start, width, interleaved: true })
        const [once, twice] = [scale(x!, 2), scale(x!, 3)]
        return [turn(once), turn(twice), turn(twice)]
      },
    }),
  })

  test('both layouts turn the same pairs, and leave the rest alone', () => {
    const device = createReferenceDevice()
    const [cos, sin] = [
      device.from([Math.cos(1), Math.cos(2)], [1, 2]),
      device.from([Math.sin(1), Math.sin(2)], [1, 2]),
    ]
    const at = device.from([0], [1], 'i32')
    const run = (values: number[], interleaved: boolean) =>
      rotary(device.from(values, [1, 1, 5]), { cos, sin }, at, { start: 1, width: 4, interleaved }).data
    const turn = (a: number, b: number, angle: number) => [
      a * Math.cos(angle) - b * Math.sin(angle),
      b * Math.cos(angle) + a * Math.sin(angle),
    ]
    const [[a, b], [c, d]] = [turn(3, 4, 1), turn(5, 6, 2)] as [[number, number], [number, number]]
    expectClose(run([9, 3, 4, 5, 6], true), [9, a, b, c, d], 1e-12, 'interleaved')
    expectClose(run([9, 3, 5, 4, 6], false), [9, a, c, b, d], 1e-12, 'halves')
  })

  test('refuses a position beyond the table and an odd width', () => {
    const device = createReferenceDevice()
    const x = device.persistent([1, 1, 4])
    const tables = { cos: device.persistent([8, 2]), sin: device.persistent([8, 2]) }
    const all = { start: 0, width: 4, interleaved: true }
    expect(() => rotary(x, tables, device.from([8], [1], 'i32'), all)).toThrow('position 8 is beyond the table of 8')
    expect(() => rotary(x, tables, device.from([0], [1], 'i32'), { ...all, width: 3 })).toThrow('even')
  })
})
