/* Sums worked the way one does them in the head, in steps small enough for a small model to learn. */

export type Operator = '+' | '-' | '×' | '÷'

export function compute(a: number, operator: Operator, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '×':
      return a * b
    case '÷':
      return a / b
  }
}

/** 347 is 300, 40, 7. */
const places = (number: number): number[] =>
  [...String(number)].map((digit, i, all) => Number(digit) * 10 ** (all.length - 1 - i)).filter(part => part > 0)

/**
 * `a operator b` worked out, ending in `=result`: sums and differences go through the places of `b` (47+38: 47+30=77,
 * 77+8=85), products through those of the longer factor, quotients show the product they come from.
 */
export function workOut(a: number, operator: Operator, b: number): string {
  const result = compute(a, operator, b)
  const whole = `${a}${operator}${b}=${result}`
  if (operator === '÷') return `${b}×${result}=${a}, ${whole}`
  if (operator === '×') {
    const [long, short] = String(a).length >= String(b).length ? [a, b] : [b, a]
    const parts = places(long)
    if (parts.length < 2 || places(short).length === 0) return whole
    const products = parts.map(part => `${part}×${short}=${part * short}`)
    return [
      ...products,
      ...inSteps(
        parts[0]! * short,
        '+',
        parts.slice(1).map(part => part * short),
      ),
      whole,
    ].join(', ')
  }
  const parts = places(b)
  return parts.length < 2 || a < b ? whole : [...inSteps(a, operator, parts), whole].join(', ')
}

/** `start` with each part added or taken away in turn. */
function inSteps(start: number, operator: '+' | '-', parts: readonly number[]): string[] {
  let value = start
  return parts.map(part => {
    const before = value
    value = compute(before, operator, part)
    return `${before}${operator}${part}=${value}`
  })
}
