import { ModelError } from './errors.ts'
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
  readonly #prompt: Set<number>
  readonly #counts = new Map<number, number>()
  #weights = new Float64Array()
  #candidates = new Int32Array()

  /** `options` as from `checkSampling`; `prompt`: the ids that the repetition penalty counts as seen. */
  constructor(options: SamplingOptions, random: Random, prompt: Iterable<number> = []) {
    this.#options = options
    this.#random = random
    this.#prompt = options.repetitionPenalty === 1 ? new Set() : new Set(prompt)
  }

  /**
   * The next token. logits: [vocabulary], which penalties change in place; −∞ forbids a token. One that `allows` rejects
   * gets −∞ too, and another is drawn: the tokens that are left keep their chances relative to each other.
   */
  next(logits: Float32Array, allows: (token: number) => boolean = () => true): number {
    this.#penalize(logits)
    for (;;) {
      const best = argMax(logits)
      if (best < 0 || !Number.isFinite(logits[best]))
        throw new ModelError('format', 'the model gives no finite logits; its weights are damaged')
      const token = this.#options.temperature === 0 ? best : this.#draw(logits, logits[best])
      if (allows(token)) {
        this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1)
        return token
      }
      logits[token] = -Infinity
    }
  }

  #penalize(logits: Float32Array): void {
    const { repetitionPenalty, frequencyPenalty, presencePenalty } = this.#options
    if (repetitionPenalty !== 1) {
      for (const id of this.#prompt.union(this.#counts))
        logits[id] = logits[id] > 0 ? logits[id] / repetitionPenalty : logits[id] * repetitionPenalty
    }
    if (frequencyPenalty !== 0 || presencePenalty !== 0)
      for (const [id, count] of this.#counts) logits[id] -= frequencyPenalty * count + presencePenalty
  }

  #draw(logits: Float32Array, largest: number): number {
    const { temperature, topK, topP, minP } = this.#options
    if (this.#weights.length < logits.length) {
      this.#weights = new Float64Array(logits.length)
      this.#candidates = new Int32Array(logits.length)
    }
    const weights = this.#weights
    const candidates = this.#candidates
    // weight = exp((l − largest) / T), the probability up to a common factor; below e⁻⁷⁰⁰ it is nothing.
    const floor = largest + temperature * Math.max(Math.log(minP), -700)
    let count = 0
    for (let id = 0; id < logits.length; id++) if (logits[id] >= floor) candidates[count++] = id
    if (topK > 0 && topK < count) count = mostLikely(logits, candidates, count, () => 1, topK)
    let total = 0
    for (let i = 0; i < count; i++) {
      const id = candidates[i]
      weights[id] = Math.exp((logits[id] - largest) / temperature)
      total += weights[id]
    }
    if (topP < 1) count = mostLikely(logits, candidates, count, id => weights[id], topP * total)
    let mass = 0
    for (let i = 0; i < count; i++) mass += weights[candidates[i]]
    let rest = this.#random.uniform() * mass
    let i = 0
    while (i < count - 1 && rest >= weights[candidates[i]]) rest -= weights[candidates[i++]]
    return candidates[i]
  }
}

/** The index of the largest value, the first of equals; −1 if all are NaN. */
export function argMax(values: Float32Array): number {
  let best = -1
  let largest = -Infinity
  for (let i = 0; i < values.length; i++) {
    if (values[i] > largest || (best < 0 && values[i] === largest)) {
      best = i
      largest = values[i]
    }
  }
  return best
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
