/*
 * Numbers between bounds, as grammars. All arithmetic is exact: a bound is its shortest decimal digits, so a number that is
 * written with as many decimals compares with it as the digits do.
 */

/** A lower and an upper bound; `open` ones are not numbers of the range themselves. */
export interface NumberRange {
  readonly least?: number
  readonly most?: number
  readonly isLeastOpen?: boolean
  readonly isMostOpen?: boolean
}

/** Beyond 15 digits not every integer is a double. */
const largest = 10n ** 15n - 1n

/** EBNF of the integers of a range; undefined if it has none. */
export const integersIn = (range: NumberRange): string | undefined => decimalsIn(range, 0)

/** EBNF of the numbers of a range, without exponents, with up to two decimals more than the bounds have. */
export function numbersIn(range: NumberRange): string | undefined {
  const { least = 0, most = 0 } = range
  const places = Math.min(10, Math.max(decimalsOf(least), decimalsOf(most)) + 2)
  const each = Array.from({ length: places + 1 }, (_, count) => decimalsIn(range, count)).filter(Boolean)
  return each.length > 0 ? each.join(' | ') : undefined
}

/** Those that are written with so many decimals. */
function decimalsIn({ least, most, isLeastOpen, isMostOpen }: NumberRange, places: number): string | undefined {
  const bound = largest * 10n ** BigInt(places)
  const from = least === undefined ? -bound : scaled(least, places, isLeastOpen ? 'above' : 'up')
  const to = most === undefined ? bound : scaled(most, places, isMostOpen ? 'below' : 'down')
  const [low, high] = [from < -bound ? -bound : from, to > bound ? bound : to]
  if (low > high) return undefined
  const parts: string[] = []
  // What is below zero, by its size. There is no −0.
  if (low < 0n) parts.push(...magnitudes(high < -1n ? -high : 1n, -low, places).map(part => `"-" ${part}`))
  if (high >= 0n) parts.push(...magnitudes(low > 0n ? low : 0n, high, places))
  return parts.join(' | ')
}

/** From `low` to `high`, both 0 or more, length by length. */
function magnitudes(low: bigint, high: bigint, places: number): string[] {
  const parts: string[] = []
  for (let from = low; from <= high; ) {
    const text = String(from).padStart(places + 1, '0')
    const longest = 10n ** BigInt(text.length) - 1n
    const to = longest < high ? longest : high
    parts.push(between(text, String(to).padStart(places + 1, '0'), places))
    from = to + 1n
  }
  return parts
}

/** Numbers of as many digits as both bounds have, the last `places` of which are decimals. */
function between(low: string, high: string, places: number): string {
  const length = low.length
  const point = length === places && places > 0 ? '"." ' : ''
  if (length === 0) return '""'
  if (/^0*$/.test(low) && /^9*$/.test(high)) return point + digits(length, places)
  const [a, b] = [Number(low[0]), Number(high[0])]
  const rest = (from: string, to: string) => between(from, to, places)
  const then = (digit: number, from: string, to: string) => `"${digit}" ${rest(from, to)}`
  const [zeros, nines] = ['0'.repeat(length - 1), '9'.repeat(length - 1)]
  if (a === b) return point + then(a, low.slice(1), high.slice(1))
  const middle: [from: number, to: number] = [a, b]
  const parts: string[] = []
  if (low.slice(1) !== zeros) {
    parts.push(then(a, low.slice(1), nines))
    middle[0]++
  }
  if (high.slice(1) !== nines) middle[1]--
  if (middle[0] <= middle[1]) parts.push(`[${middle[0]}-${middle[1]}] ${rest(zeros, nines)}`)
  if (high.slice(1) !== nines) parts.push(then(b, zeros, high.slice(1)))
  return `${point}(${parts.join(' | ')})`
}

const digits = (count: number, places: number): string =>
  count > places && places > 0 ? `[0-9]{${count - places}} "." [0-9]{${places}}` : `[0-9]{${count}}`

/** The mantissa and the power of ten of a number's shortest decimal digits. */
function decimal(value: number): { mantissa: bigint; power: number } {
  const [digits = '', exponent] = value.toExponential().split('e')
  const fraction = digits.split('.')[1] ?? ''
  return { mantissa: BigInt(digits.replace('.', '')), power: Number(exponent) - fraction.length }
}

const decimalsOf = (value: number): number => Math.max(0, -decimal(value).power)

/** value · 10^places as an integer: the nearest one upwards or downwards, or the first that is above or below it. */
function scaled(value: number, places: number, direction: 'up' | 'down' | 'above' | 'below'): bigint {
  const { mantissa, power } = decimal(value)
  const shift = power + places
  const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n
  const whole = shift < 0 ? mantissa : mantissa * 10n ** BigInt(shift)
  const rest = ((whole % divisor) + divisor) % divisor
  const floor = (whole - rest) / divisor
  if (direction === 'down') return floor
  if (direction === 'above') return floor + 1n
  const ceil = rest === 0n ? floor : floor + 1n
  return direction === 'up' ? ceil : ceil - 1n
}
