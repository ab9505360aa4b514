import { ModelError } from './errors.ts'
import type { Likelihood } from './logprobs.ts'
import type { Random } from './random.ts'

/** How the next token is drawn. Ranges: `samplingRanges`. */
export interface SamplingOptions {
  /** Divides the logits: below 1 sharper, above 1 flatter; 0 takes the most likely token. */
  temperature: number
  /** Only the k most likely tokens; 0 for all. */
  topK: number
  /** Only the most likely tokens that together reach this probability (nucleus). */
  topP: number
  /** Only tokens at least this share as likely as the most likely one. */
  minP: number
  /** Divides positive and multiplies negative logits of tokens seen in prompt or answer; 1 for none. */
  repetitionPenalty: number
  /** Subtracted from a token's logit for each time the answer has it. */
  frequencyPenalty: number
  /** Subtracted from a token's logit if the answer has it. */
  presencePenalty: number
}

export const defaultSampling: SamplingOptions = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
}

interface Range {
  /** The name that APIs and generation_config.json use, as errors say it. */
  name: string
  holds: (value: number) => boolean
  says: string
}

const between = (name: string, from: number, to: number): Range => ({
  name,
  holds: value => value >= from && value <= to,
  says: `from ${from} to ${to}`,
})

const ranges: Record<keyof SamplingOptions, Range> = {
  temperature: between('temperature', 0, 2),
  topK: {
    name: 'top_k',
    holds: value => Number.isInteger(value) && value >= 0,
    says: 'an integer of 0 (all tokens) or more',
  },
  topP: { name: 'top_p', holds: value => value > 0 && value <= 1, says: 'above 0 and at most 1' },
  minP: between('min_p', 0, 1),
  repetitionPenalty: {
    name: 'repetition_penalty',
    holds: value => value > 0 && value <= 10,
    says: 'above 0 and at most 10',
  },
  frequencyPenalty: between('frequency_penalty', -2, 2),
  presencePenalty: between('presence_penalty', -2, 2),
}

const noFiniteLogits = (): ModelError =>
  new ModelError('format', 'the model gives no finite logits; its weights are damaged')

/**
 * The options with defaults for what is absent. An `option` error gives name, value and allowed range; the name, as APIs
 * spell it, is the message's first word.
 */
export function checkSampling(options: Partial<SamplingOptions> = {}): SamplingOptions {
  const checked = { ...defaultSampling }
  for (const key of Object.keys(ranges) as (keyof SamplingOptions)[]) {
    const value = options[key]
    if (value === undefined) continue
    const { name, holds, says } = ranges[key]
    if (typeof value !== 'number' || !holds(value))
      throw new ModelError(
        'option',
        `${name} is ${typeof value === 'number' ? value : JSON.stringify(value)}; it must be ${says}`,
      )
    checked[key] = value
  }
  return checked
}

/**
 * Draws the tokens of one answer. Order as in vLLM: penalties, temperature, min-p, top-k, top-p, draw. The same seed,
 * options and logits give the same tokens; among equally likely tokens the lower id comes first.
 */
export class Sampler {
  readonly #options: SamplingOptions
  readonly #random: Random
  readonly #blocks: LogitBlocks
  /** What the repetition penalty counts as seen, if there is one. */
  readonly #seen: Set<number> | undefined
  /** What the answer has so far, each token once, and how often. */
  readonly #drawn: number[] = []
  readonly #counts: number[] = []
  readonly #places = new Map<number, number>()
  /** What candidates weigh together, by how far they lie below the most likely one, in quarters of a natural logarithm: with the floor of `#draw` fewer than so many. */
  readonly #masses = new Float64Array(256)
  #weights = new Float64Array()
  #candidates = new Int32Array()

  /** `options` as from `checkSampling`; `prompt`: the ids that the repetition penalty counts as seen. */
  constructor(
    options: SamplingOptions,
    random: Random,
    prompt: Iterable<number> = [],
    blocks: LogitBlocks = plainBlocks,
  ) {
    this.#options = options
    this.#random = random
    this.#blocks = blocks
    this.#seen = options.repetitionPenalty === 1 ? undefined : new Set(prompt)
  }

  /**
   * The next token. logits: [vocabulary], which penalties change in place; −∞ forbids a token. One that `allows` rejects
   * gets −∞ too, and another is drawn: the tokens that are left keep their chances relative to each other.
   */
  next(logits: Float32Array, allows: (token: number) => boolean = () => true): number {
    this.#penalize(logits)
    for (;;) {
      const maxima = this.#blocks.maxima(logits)
      const best = largestBlock(maxima)
      const largest = maxima[best]
      if (!Number.isFinite(largest)) throw noFiniteLogits()
      const token =
        this.#options.temperature === 0
          ? logits.indexOf(largest, best * logitBlock)
          : this.#draw(logits, maxima, largest)
      if (allows(token)) {
        this.#count(token)
        this.#seen?.add(token)
        return token
      }
      logits[token] = -Infinity
    }
  }

  #penalize(logits: Float32Array): void {
    const { repetitionPenalty, frequencyPenalty, presencePenalty } = this.#options
    if (this.#seen) {
      for (const id of this.#seen)
        logits[id] = logits[id] > 0 ? logits[id] / repetitionPenalty : logits[id] * repetitionPenalty
    }
    if (frequencyPenalty !== 0 || presencePenalty !== 0)
      for (let i = 0; i < this.#drawn.length; i++)
        logits[this.#drawn[i]] -= frequencyPenalty * this.#counts[i] + presencePenalty
  }

  #count(token: number): void {
    const place = this.#places.get(token)
    if (place === undefined) {
      this.#places.set(token, this.#drawn.length)
      this.#drawn.push(token)
      this.#counts.push(1)
    } else this.#counts[place]++
  }

  #draw(logits: Float32Array, maxima: ArrayLike<number>, largest: number): number {
    const { temperature, topK, topP, minP } = this.#options
    // What lies below is less than float32 would keep of a sum, all of it together.
    const least = largest + temperature * Math.max(Math.log(minP), -24 * Math.LN2 - Math.log(logits.length))
    // Of a small nucleus draws from all tokens would hardly ever be.
    const isCut = topK > 0 || minP > 0 || topP < 0.5
    const masses = isCut ? undefined : this.#blocks.masses(logits, largest, temperature)
    const total = masses === undefined ? Number.NaN : sumWhere(masses, block => maxima[block] >= least)
    // Where the tail is cut off, or a logit is no number, only the candidates count.
    if (masses === undefined || Number.isNaN(total)) {
      const floor = topK > 0 && topK <= maxima.length ? Math.max(least, nthLargest(maxima, topK)) : least
      const count = this.#candidatesFrom(logits, maxima, floor)
      const kept = topK > 0 && topK < count ? mostLikely(logits, this.#candidates, count, () => 1, topK) : count
      return this.#drawOf(logits, kept, largest, this.#weigh(logits, kept, largest))
    }
    // Whoever draws from all until one lies in the nucleus draws from the nucleus.
    for (;;) {
      const token = this.#drawFromBlocks(logits, maxima, masses, total, largest, least)
      if (topP === 1 || this.#isInNucleus(token, logits, maxima, largest, topP * total)) return token
    }
  }

  /** Notes all tokens whose logit is at least `floor` as candidates, by id, and returns how many they are. */
  #candidatesFrom(logits: Float32Array, maxima: ArrayLike<number>, floor: number): number {
    if (this.#weights.length < logits.length) {
      this.#weights = new Float64Array(logits.length)
      this.#candidates = new Int32Array(logits.length)
    }
    const candidates = this.#candidates
    let count = 0
    for (let block = 0; block < maxima.length; block++) {
      if (maxima[block] < floor) continue
      const end = Math.min(logits.length, (block + 1) * logitBlock)
      for (let id = block * logitBlock; id < end; id++) if (logits[id] >= floor) candidates[count++] = id
    }
    return count
  }

  /** Weighs the candidates: exp((l − largest) / T), the probability up to a common factor. Returns their sum. */
  #weigh(logits: Float32Array, count: number, largest: number): number {
    const { temperature } = this.#options
    let total = 0
    for (let i = 0; i < count; i++) {
      const id = this.#candidates[i]
      const weight = expOfNegative((logits[id] - largest) / temperature)
      this.#weights[id] = weight
      total += weight
    }
    return total
  }

  /** Draws from the candidates, or from the most likely of them that reach top-p of `total`. */
  #drawOf(logits: Float32Array, candidateCount: number, largest: number, total: number): number {
    const { temperature, topP } = this.#options
    const weights = this.#weights
    const candidates = this.#candidates
    let count = candidateCount
    let mass = total
    if (topP < 1) {
      // The nucleus lies in the steps, from the largest logit down, that reach it.
      const masses = this.#masses.fill(0)
      const steps = 4 / temperature
      for (let i = 0; i < count; i++) masses[((largest - logits[candidates[i]]) * steps) | 0] += weights[candidates[i]]
      let last = 0
      for (let reached = masses[0]; reached < topP * total && last < masses.length - 1; ) reached += masses[++last]
      let likely = 0
      for (let i = 0; i < count; i++) {
        const id = candidates[i]
        if ((((largest - logits[id]) * steps) | 0) <= last) candidates[likely++] = id
      }
      count = mostLikely(logits, candidates, likely, id => weights[id], topP * total)
      mass = 0
      for (let i = 0; i < count; i++) mass += weights[candidates[i]]
    }
    let rest = this.#random.uniform() * mass
    let i = 0
    while (i < count - 1 && rest >= weights[candidates[i]]) rest -= weights[candidates[i++]]
    return candidates[i]
  }

  /** Whether those that are likelier than `token`, or as likely with a lower id, weigh less than `need` together. */
  #isInNucleus(token: number, logits: Float32Array, maxima: ArrayLike<number>, largest: number, need: number): boolean {
    const logit = logits[token]
    const { temperature } = this.#options
    const above = this.#blocks.massesAbove(logits, largest, temperature, logit)
    const before = sumWhere(above, block => maxima[block] > logit)
    if (before >= need) return false
    const weight = expOfNegative((logit - largest) / temperature)
    let asLikely = 0
    for (let block = 0; block * logitBlock < token; block++) {
      if (maxima[block] < logit) continue
      const end = Math.min(token, (block + 1) * logitBlock)
      for (let id = block * logitBlock; id < end; id++) if (logits[id] === logit) asLikely++
    }
    return before + asLikely * weight < need
  }

  /** Draws from all tokens from `least` on: first the block, then the token in it. */
  #drawFromBlocks(
    logits: Float32Array,
    maxima: ArrayLike<number>,
    masses: ArrayLike<number>,
    total: number,
    largest: number,
    least: number,
  ): number {
    let rest = this.#random.uniform() * total
    let block = 0
    // Rounding may lead past the last: that is the one.
    for (let next = 0; next < masses.length; next++) {
      if (!(maxima[next] >= least)) continue
      block = next
      if (rest < masses[next]) break
      rest -= masses[next]
    }
    let drawn = 0
    const end = Math.min(logits.length, (block + 1) * logitBlock)
    for (let id = block * logitBlock; id < end; id++) {
      if (!(logits[id] >= least)) continue
      drawn = id
      const weight = expOfNegative((logits[id] - largest) / this.#options.temperature)
      if (rest < weight) break
      rest -= weight
    }
    return drawn
  }
}

/** So many logits are looked at by the largest of them: most blocks have nothing that could be drawn. */
export const logitBlock = 128

/** What a sampler looks at of each block of `logitBlock` logits, until the next call. The engine's `LogitBlocks` is quick. */
export interface LogitBlocks {
  /** The largest of each block; those of a block of NaN may be −∞ or NaN. */
  maxima(logits: Float32Array): ArrayLike<number>
  /** Of each block Σ e^((l − largest) / temperature). */
  masses(logits: Float32Array, largest: number, temperature: number): ArrayLike<number>
  /** The same of the logits larger than `bound` alone. What `masses` has returned stays. */
  massesAbove(logits: Float32Array, largest: number, temperature: number, bound: number): ArrayLike<number>
}

const plainBlocks: LogitBlocks = {
  maxima: logits =>
    eachBlock(logits, block => {
      let largest = -Infinity
      for (const logit of block) if (logit > largest) largest = logit
      return largest
    }),
  masses: (logits, largest, temperature) => plainBlocks.massesAbove(logits, largest, temperature, -Infinity),
  massesAbove: (logits, largest, temperature, bound) =>
    eachBlock(logits, block => {
      let sum = 0
      for (const logit of block) if (!(logit <= bound)) sum += Math.exp((logit - largest) / temperature)
      return sum
    }),
}

const eachBlock = (logits: Float32Array, of: (block: Float32Array) => number): number[] =>
  Array.from({ length: Math.ceil(logits.length / logitBlock) }, (_, block) =>
    of(logits.subarray(block * logitBlock, (block + 1) * logitBlock)),
  )

function sumWhere(values: ArrayLike<number>, counts: (index: number) => boolean): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) if (counts(i)) sum += values[i]
  return sum
}

/** Of the largest of blocks: so many logits, n from 1, are at least as large. */
function nthLargest(maxima: ArrayLike<number>, n: number): number {
  /** The largest so far, rising. */
  const largest = new Float64Array(n).fill(-Infinity)
  for (let block = 0; block < maxima.length; block++) {
    const value = maxima[block]
    if (!(value > largest[0])) continue
    let [place, end] = [0, n]
    while (end - place > 1) {
      const middle = (place + end) >> 1
      if (largest[middle] < value) place = middle
      else end = middle
    }
    largest.copyWithin(0, 1, end)
    largest[place] = value
  }
  return largest[0]
}

/**
 * The `count` most likely tokens, the most likely first and of equals the lower id, with ln softmax(logits) of each; fewer
 * where fewer are possible. A `format` error if none is. logits: [vocabulary].
 */
export function mostLikelyTokens(logits: Float32Array, count: number, blocks: LogitBlocks = plainBlocks): Likelihood[] {
  const maxima = blocks.maxima(logits)
  const largest = maxima[largestBlock(maxima)]!
  if (!Number.isFinite(largest)) throw noFiniteLogits()
  const normalizer = largest + Math.log(sumWhere(blocks.masses(logits, largest, 1), () => true))
  const floor = Math.max(count <= maxima.length ? nthLargest(maxima, count) : -Infinity, -Number.MAX_VALUE)
  const likely: Likelihood[] = []
  for (let block = 0; block < maxima.length; block++) {
    if (maxima[block]! < floor) continue
    const end = Math.min(logits.length, (block + 1) * logitBlock)
    for (let id = block * logitBlock; id < end; id++)
      if (logits[id]! >= floor) likely.push({ id, logprob: logits[id]! - normalizer })
  }
  return likely.sort((a, b) => b.logprob - a.logprob || a.id - b.id).slice(0, count)
}

/** The first with the largest. */
function largestBlock(maxima: ArrayLike<number>): number {
  let best = 0
  for (let block = 1; block < maxima.length; block++)
    if (maxima[block] > maxima[best] || Number.isNaN(maxima[best])) best = block
  return best
}

/** e^(−n / 16), down to e^−700. */
const powers = Float64Array.from({ length: 16 * 700 + 1 }, (_, n) => Math.exp(-n / 16))

/** e^x for x from −700 to 0, right to 12 digits, in a third of the time of `Math.exp`: what is left of the nearest 16th goes into the series. */
export function expOfNegative(x: number): number {
  const n = (0.5 - 16 * x) | 0
  const r = x + n / 16
  return powers[n] * (1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r / 120)))))
}

/**
 * Moves the most likely of the `count` candidates to the front, as few as reach `need` in `measure`, and returns how many they
 * are. Quickselect (Hoare 1961): expected time linear in `count`, where sorting a vocabulary of 163,840 would take 20 ms.
 */
function mostLikely(
  logits: Float32Array,
  candidates: Int32Array,
  count: number,
  measure: (id: number) => number,
  need: number,
): number {
  const before = (a: number, b: number) => logits[a] > logits[b] || (logits[a] === logits[b] && a < b)
  // The boundary lies in candidates[from, to): all before are chosen, and `need` is what is left to reach.
  let from = 0
  let to = count
  let left = need
  while (to - from > 1) {
    const pivot = middle(candidates[from], candidates[(from + to) >> 1], candidates[to - 1], before)
    let end = from
    let reached = 0
    for (let i = from; i < to; i++) {
      const id = candidates[i]
      if (before(pivot, id)) continue
      candidates[i] = candidates[end]
      candidates[end++] = id
      reached += measure(id)
    }
    // candidates[from, end) are the pivot and what comes before it, so end > from.
    if (reached < left) {
      left -= reached
      from = end
    } else if (end < to) {
      to = end
    } else {
      // The pivot is the last of them: set it apart, so that the range shrinks.
      const at = candidates.indexOf(pivot, from)
      candidates[at] = candidates[to - 1]
      candidates[to - 1] = pivot
      if (reached - measure(pivot) < left) return to
      to--
    }
  }
  return Math.min(count, from + 1)
}

function middle(a: number, b: number, c: number, before: (a: number, b: number) => boolean): number {
  if (before(a, b)) return before(b, c) ? b : before(a, c) ? c : a
  return before(a, c) ? a : before(b, c) ? c : b
}
