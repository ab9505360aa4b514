import { describe, expect, test } from 'vitest'
import { amount, memoryUnits, timeUnits } from './command.ts'

describe('an amount with its unit', () => {
  test.each([
    ['512MB', memoryUnits, 512_000_000],
    ['2GiB', memoryUnits, 2 ** 31],
    ['1.5 gb', memoryUnits, 1_500_000_000],
    ['90s', timeUnits, 90_000],
    ['10m', timeUnits, 600_000],
    ['0.5H', timeUnits, 1_800_000],
    [undefined, timeUnits, undefined],
  ])('%s', (value, units, expected) => {
    expect(amount('x', value, units)).toBe(expected)
  })

  test.each(['', '512', 'MB', '0MB', '-1MB', '1e3MB', '1MBs', '1,5GB', '512MB 2'])('not %j', value => {
    expect(() => amount('cache', value, memoryUnits)).toThrow(/--cache.*kB, MB, GB/)
  })
})
