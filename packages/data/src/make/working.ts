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
 * `a operator b` worked out, ending in `=result`. Sums and differences go through the places of `b` (47+38: 47+30=77,
 * 77+8=85), products through those of both factors, quotients through their own, as in long division. So no line needs more
 * than one place of one number.
 */
export function workOut(a: number, operator: Operator, b: number): string {
  return [...partialSums(a, operator, b), `${a}${operator}${b}=${compute(a, operator, b)}`].join(', ')
}

function partialSums(a: number, operator: Operator, b: number): string[] {
  switch (operator) {
    case '+':
    case '-':
      return places(b).length < 2 ? [] : placeByPlace(a, operator, [b])
    case '×': {
      const [long, short] = String(a).length >= String(b).length ? [a, b] : [b, a]
      const pairs = places(long).flatMap(x => places(short).map(y => [x, y] as const))
      if (pairs.length < 2) return []
      const [first, ...others] = pairs.map(([x, y]) => x * y)
      return [...pairs.map(([x, y]) => `${x}×${y}=${x * y}`), ...placeByPlace(first!, '+', others)]
    }
    case '÷':
      return divideInSteps(a, b)
  }
}

/** 378÷9: 9×40=360, 378-300=78, 78-60=18, 9×2=18, 40+2=42. */
function divideInSteps(a: number, b: number): string[] {
  const parts = places(a / b)
  if (parts.length < 2) return [`${b}×${a / b}=${a}`]
  let left = a
  const lines = parts.flatMap((part, i) => {
    const before = left
    left -= b * part
    return [`${b}×${part}=${b * part}`, ...(i < parts.length - 1 ? placeByPlace(before, '-', [b * part]) : [])]
  })
  return [...lines, ...placeByPlace(parts[0]!, '+', parts.slice(1))]
}

/** `start` with all places of each number added or taken away in turn. */
function placeByPlace(start: number, operator: '+' | '-', numbers: readonly number[]): string[] {
  let value = start
  return numbers.flatMap(places).map(part => {
    const before = value
    value = compute(before, operator, part)
    return `${before}${operator}${part}=${value}`
  })
}
