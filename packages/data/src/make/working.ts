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
 * 77+8=85), products through those of both factors, quotients through the digits of `a`. So no line needs more than one
 * place of one number.
 */
export function workOut(a: number, operator: Operator, b: number): string {
  return [...partialSums(a, operator, b), `${a}${operator}${b}=${compute(a, operator, b)}`].join(', ')
}

function partialSums(a: number, operator: Operator, b: number): string[] {
  switch (operator) {
    case '+':
    case '-':
      return places(b).length < 2 ? [] : placeByPlace(a, operator, [b])
    case '×':
      return multiplyInSteps(a, b)
    case '÷':
      return divideInSteps(a, b)
  }
}

/** 23×14: 23=20+3, 14=10+4, 20×10=200, 20×4=80, 200+80=280, 3×10=30, 280+30=310, 3×4=12, 310+10=320, 320+2=322. */
function multiplyInSteps(a: number, b: number): string[] {
  const [long, short] = String(a).length >= String(b).length ? [a, b] : [b, a]
  const pairs = places(long).flatMap(x => places(short).map(y => [x, y] as const))
  if (pairs.length < 2) return []
  let total = 0
  const apart = [long, short]
    .filter(number => places(number).length > 1)
    .map(number => `${number}=${places(number).join('+')}`)
  const products = pairs.flatMap(([x, y]) => {
    const before = total
    total += x * y
    return [`${x}×${y}=${x * y}`, ...(before > 0 ? placeByPlace(before, '+', [x * y]) : [])]
  })
  return [...apart, ...products]
}

/**
 * Long division as in school: 378÷9: 37÷9=4…1→18, 18÷9=2, where 37÷9=4…1→18 says that 1 is left, which makes 18 with the
 * digits to come; zeros to come only go on to the quotient. Each line is one fact to know by heart (a number below ten times
 * the divisor), so none has to be found by trying.
 */
function divideInSteps(a: number, b: number): string[] {
  if (a < 10 * b) return []
  const lines: string[] = []
  const digits = String(a)
  let part = 0
  for (let end = 1; end <= digits.length; end++) {
    part = part * 10 + Number(digits[end - 1])
    if (part < b && lines.length === 0) continue
    const left = part % b
    const rest = `${left || ''}${digits.slice(end)}`
    lines.push(`${part}÷${b}=${Math.floor(part / b)}${rest && `…${left}→${rest}`}`)
    if (Number(rest) === 0) break
    part = left
  }
  return lines
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
