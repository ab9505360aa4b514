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
 * 77+8=85), products through those of both factors, quotients try out the factors of each place. So no line needs more
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
    case '×':
      return multiplyInSteps(a, b)
    case '÷':
      return divideInSteps(a, b)
  }
}

/** 23×14: 20×10=200, 20×4=80, 200+80=280, 3×10=30, 280+30=310, 3×4=12, 310+10=320, 320+2=322. */
function multiplyInSteps(a: number, b: number): string[] {
  const [long, short] = String(a).length >= String(b).length ? [a, b] : [b, a]
  const pairs = places(long).flatMap(x => places(short).map(y => [x, y] as const))
  if (pairs.length < 2) return []
  let total = 0
  return pairs.flatMap(([x, y]) => {
    const before = total
    total += x * y
    return [`${x}×${y}=${x * y}`, ...(before > 0 ? placeByPlace(before, '+', [x * y]) : [])]
  })
}

/** 378÷9: 9×100=900, 9×10=90, 9×50=450, 9×20=180, 9×30=270, 9×40=360, 378-300=78, 78-60=18, 9×1=9, 9×5=45, 9×2=18, 40+2=42. */
function divideInSteps(a: number, b: number): string[] {
  const parts: number[] = []
  const lines: string[] = []
  let left = a
  for (let place = 10 ** (String(a).length - 1); left > 0; place /= 10) {
    const { tried, digit } = tryDigits(left, b * place)
    lines.push(...tried.map(each => `${b}×${each * place}=${b * each * place}`))
    if (digit === 0) continue
    const product = b * digit * place
    if (product < left) lines.push(...placeByPlace(left, '-', [product]))
    left -= product
    parts.push(digit * place)
  }
  return [...lines, ...placeByPlace(parts[0]!, '+', parts.slice(1))]
}

/**
 * The largest digit whose product with `unit` is at most `left`, and the digits tried for it in turn: 1, 5, then upward from
 * the larger one that fits until one is too much. A small model cannot see the digit at once, but it can compare.
 */
function tryDigits(left: number, unit: number): { tried: number[]; digit: number } {
  const tried: number[] = []
  const fits = (digit: number) => {
    tried.push(digit)
    return digit * unit <= left
  }
  if (!fits(1)) return { tried, digit: 0 }
  let digit = 1
  if (unit < left && fits(5)) digit = 5
  const end = digit === 5 ? 9 : 4
  while (digit < end && digit * unit < left && fits(digit + 1)) digit++
  return { tried, digit }
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
