import { literal } from './ebnf.ts'

/** Any character that a JSON string may have as it is. */
export const plainCharacter = String.raw`[^"\\\x00-\x1f]`

/** What of a regular expression has no place in a grammar. */
export class PatternError extends Error {}

/**
 * EBNF of the texts, as they stand between the quotes of a JSON string, that a regular expression of ECMA-262 matches from
 * beginning to end, and about how many characters it counts out. JSON schema's patterns may match anywhere; a match of the
 * whole is one, too. Throws a `PatternError` for look-around, back references, word boundaries, properties of characters,
 * and anchors that are not at an end.
 */
export function patternGrammar(source: string): { text: string; size: number } {
  const reader = new PatternReader(source)
  return { text: reader.read(), size: reader.size }
}

type CharacterRange = readonly [from: number, to: number]

const digit: readonly CharacterRange[] = [[0x30, 0x39]]
const word: readonly CharacterRange[] = [...digit, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
const space: readonly CharacterRange[] = [[0x20, 0x20]]
const shorthands: Readonly<Record<string, readonly CharacterRange[]>> = { d: digit, w: word, s: space }
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 }

/** Characters that a pattern may count out: each is a state of its own. */
const mostCounted = 512

class PatternReader {
  size = 0
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  read(): string {
    const whole = this.#alternatives(true)
    if (this.#at < this.#source.length) this.#refuse(`'${this.#source[this.#at]}'`)
    return whole
  }

  #refuse(what: string): never {
    throw new PatternError(`has ${what} at ${this.#at}`)
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #alternatives(isOutermost: boolean): string {
    const parts = [this.#sequence(isOutermost)]
    while (this.#take('|')) parts.push(this.#sequence(isOutermost))
    return parts.length === 1 ? parts[0]! : `(${parts.join(' | ')})`
  }

  #sequence(isOutermost: boolean): string {
    const parts: string[] = []
    if (isOutermost) this.#take('^')
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at]!)) {
      const rest = this.#source[this.#at + 1]
      if (isOutermost && this.#source[this.#at] === '$' && (rest === undefined || rest === '|')) this.#at++
      else parts.push(this.#repeated())
    }
    return parts.join(' ') || '""'
  }

  #repeated(): string {
    const before = this.size
    const atom = this.#atom()
    this.size++
    const [text = ''] = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(this.#source.slice(this.#at)) ?? []
    const [count] = [...text.matchAll(/\d+/g)].map(Number).sort((a, b) => b - a)
    this.size = before + (this.size - before) * (count ?? 1)
    if (this.size > mostCounted) this.#refuse(`a count that makes more than ${mostCounted} characters`)
    this.#at += text.length
    // Whether it takes as much or as little as it can makes no difference to what is matched.
    if (text !== '') this.#take('?')
    return atom + text
  }

  #atom(): string {
    if (this.#take('(')) {
      if (this.#take('?') && !this.#take(':')) {
        const [name] = /^<[A-Za-z_]\w*>/.exec(this.#source.slice(this.#at)) ?? []
        if (name === undefined) this.#refuse('a look-around')
        this.#at += name.length
      }
      const inner = this.#alternatives(false)
      if (!this.#take(')')) this.#refuse('a group that is not closed')
      return `(${inner})`
    }
    if (this.#take('[')) return this.#characterClass()
    if (this.#take('.')) return plainCharacter
    const next = this.#source[this.#at]!
    if ('^$*+?{}])'.includes(next)) this.#refuse(`'${next}'`)
    if (next !== '\\') return charactersOf([this.#one()], false)
    const name = this.#source[this.#at + 1] ?? ''
    const ranges = shorthands[name.toLowerCase()]
    if (!ranges) return charactersOf([this.#one()], false)
    this.#at += 2
    return charactersOf(ranges, name !== name.toLowerCase())
  }

  #characterClass(): string {
    const isNegated = this.#take('^')
    const ranges: CharacterRange[] = []
    while (!this.#take(']')) {
      if (this.#at >= this.#source.length) this.#refuse('a class that is not closed')
      const shorthand = this.#source[this.#at] === '\\' ? shorthands[this.#source[this.#at + 1] ?? ''] : undefined
      if (shorthand) {
        ranges.push(...shorthand)
        this.#at += 2
        continue
      }
      const [from] = this.#one()
      if (this.#source[this.#at] !== '-' || this.#source[this.#at + 1] === ']') ranges.push([from, from])
      else {
        this.#at++
        const [to] = this.#one()
        if (to < from) this.#refuse('a range that runs backwards')
        ranges.push([from, to])
      }
    }
    if (ranges.length === 0) this.#refuse('an empty class')
    return charactersOf(ranges, isNegated)
  }

  /** One character, which may be escaped. */
  #one(): CharacterRange {
    const point = this.#take('\\') ? this.#escaped() : this.#next()
    return [point, point]
  }

  #next(): number {
    const point = this.#source.codePointAt(this.#at)
    if (point === undefined) this.#refuse('no end')
    this.#at += point > 0xffff ? 2 : 1
    return point
  }

  #escaped(): number {
    const [hex, ...parts] = /^(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]{1,6})\})/.exec(
      this.#source.slice(this.#at),
    ) ?? ['']
    if (hex !== '') {
      const point = Number.parseInt(parts.find(Boolean)!, 16)
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) this.#refuse('half a character')
      this.#at += hex.length
      return point
    }
    const point = this.#next()
    const char = String.fromCodePoint(point)
    const control = controls[char]
    if (control !== undefined) return control
    if (/[A-Za-z\d]/.test(char)) this.#refuse(`'\\${char}'`)
    return point
  }
}

/** What stands in a JSON string for a character of the ranges, or for one outside them. */
function charactersOf(ranges: readonly CharacterRange[], isNegated: boolean): string {
  if (isNegated && ranges.every(([, to]) => to < 0x80))
    return `[^${ranges.map(([from, to]) => byteRange(from, to)).join('')}"\\\\\\x00-\\x1f]`
  const wanted = isNegated ? complementOf(ranges) : ranges
  const escaped = isNegated ? [] : [...Array(0x20).keys(), 0x22, 0x5c]
  const parts = escaped
    .filter(code => ranges.some(([from, to]) => from <= code && code <= to))
    .map(code => literal(JSON.stringify(String.fromCharCode(code)).slice(1, -1)))
  const within = (places: readonly CharacterRange[]) => places.flatMap(place => overlaps(wanted, place))
  const ascii = within([
    [0x20, 0x21],
    [0x23, 0x5b],
    [0x5d, 0x7f],
  ])
  const beyond = within([
    [0x80, 0xd7ff],
    [0xe000, 0x10ffff],
  ])
  if (ascii.length > 0) parts.push(`[${ascii.map(([from, to]) => byteRange(from, to)).join('')}]`)
  parts.push(...beyond.flatMap(([from, to]) => encodedRanges(from, to)))
  if (parts.length === 0) throw new PatternError('has a class of no characters')
  return parts.length === 1 ? parts[0]! : `(${parts.join(' | ')})`
}

const overlaps = (ranges: readonly CharacterRange[], [low, high]: CharacterRange): CharacterRange[] =>
  ranges
    .map(([from, to]): CharacterRange => [Math.max(low, from), Math.min(high, to)])
    .filter(([from, to]) => from <= to)

/** The characters outside the ranges. */
function complementOf(ranges: readonly CharacterRange[]): CharacterRange[] {
  const gaps: CharacterRange[] = []
  let next = 0
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    if (from > next) gaps.push([next, from - 1])
    next = Math.max(next, to + 1)
  }
  return next <= 0x10ffff ? [...gaps, [next, 0x10ffff]] : gaps
}

/**
 * Characters beyond ASCII by the bytes of UTF-8: XGrammar 0.1.27 reads a class as a choice of bytes, and so has no classes
 * of characters that take several. A class of one byte it takes for the character of that number, so the byte stands twice.
 */
function encodedRanges(from: number, to: number): string[] {
  for (const last of [0x7ff, 0xffff]) {
    if (from <= last && last < to) return [...encodedRanges(from, last), ...encodedRanges(last + 1, to)]
  }
  const length = from <= 0x7ff ? 2 : from <= 0xffff ? 3 : 4
  // Until every byte but those that are the same runs through all its values.
  for (let trailing = 1; trailing < length; trailing++) {
    const mask = 2 ** (6 * trailing) - 1
    if ((from & ~mask) === (to & ~mask)) continue
    if ((from & mask) !== 0) return [...encodedRanges(from, from | mask), ...encodedRanges((from | mask) + 1, to)]
    if ((to & mask) !== mask) return [...encodedRanges(from, (to & ~mask) - 1), ...encodedRanges(to & ~mask, to)]
  }
  const [low, high] = [from, to].map(code => Buffer.from(String.fromCodePoint(code)))
  return [Array.from(low!, (byte, i) => `[${byteRange(byte, high![i]!).padEnd(8, byteRange(byte, byte))}]`).join(' ')]
}

function byteRange(from: number, to: number): string {
  const [low, high] = [from, to].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`)
  return from === to ? low! : `${low}-${high}`
}
