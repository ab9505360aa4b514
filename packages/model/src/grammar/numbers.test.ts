import { describe, expect, test } from 'vitest'
import { integersIn, type NumberRange, numbersIn } from './numbers.ts'

/** EBNF without rules as a regular expression. */
const matcher = (ebnf: string | undefined): RegExp =>
  ebnf === undefined ? /(?!)/ : new RegExp(`^(?:${ebnf.replaceAll('"."', String.raw`\.`).replaceAll(/[" ]/g, '')})$`)

const isIn = (value: number, { least = -Infinity, most = Infinity, isLeastOpen, isMostOpen }: NumberRange): boolean =>
  (isLeastOpen ? value > least : value >= least) && (isMostOpen ? value < most : value <= most)

const ranges: NumberRange[] = [
  {},
  { least: 0 },
  { most: 0 },
  { least: 7, most: 7 },
  { least: -1, most: 1 },
  { least: 10, most: 99 },
  { least: 99, most: 1001 },
  { least: 105, most: 250 },
  { least: -1234, most: -56 },
  { least: -7, most: 823 },
  { least: 0, most: 10, isLeastOpen: true, isMostOpen: true },
  { least: -0.5, most: 12.3 },
  { least: 0.07, most: 0.1 },
  { least: 1.05, most: 2, isLeastOpen: true },
  { least: 1e-3, most: 1e21 },
  { least: 3, most: 2 },
  { least: 1, most: 2, isLeastOpen: true, isMostOpen: true },
]

describe('of a range such as', () => {
  test.each(ranges)('%j', range => {
    const integers = matcher(integersIn(range))
    for (let value = -1500; value <= 1500; value++)
      expect([value, integers.test(`${value}`)]).toEqual([value, isIn(value, range)])
    const numbers = matcher(numbersIn(range))
    for (let hundredths = -1500; hundredths <= 1500; hundredths++) {
      const text = (hundredths / 100).toFixed(2)
      if (hundredths !== 0 || !text.startsWith('-'))
        expect([text, numbers.test(text)]).toEqual([text, isIn(Number(text), range)])
    }
  })

  test('nothing has a leading zero, a sign without need, or more digits than a double keeps', () => {
    const integers = matcher(integersIn({ least: -50, most: 1e18 }))
    for (const text of ['01', '-0', '+1', '00', '', '-', '1.0', '1000000000000000'])
      expect(integers.test(text)).toBe(false)
    expect(integers.test('999999999999999')).toBe(true)
    const numbers = matcher(numbersIn({ least: 0, most: 9 }))
    for (const text of ['00.5', '.5', '1.', '1e1', '9.01', '0.001']) expect(numbers.test(text)).toBe(false)
    for (const text of ['0', '0.5', '9', '9.0', '8.99']) expect(numbers.test(text)).toBe(true)
  })
})
