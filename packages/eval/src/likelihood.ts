import { ignoredLabel } from '@modu/engine'
import type { ChatModel, LanguageModel } from '@modu/model'
import { EvaluationError } from './errors.ts'

/** Tokens begin … end − 1 go through the model; of them, those from `first` on are counted. */
export interface Window {
  readonly begin: number
  readonly first: number
  readonly end: number
}

/**
 * Cuts a sequence into windows of at most `context` tokens, so that every token from `first` on is counted exactly once,
 * and each but the first window's sees at least half a context before it.
 */
export function* windows(length: number, first: number, context: number): Generator<Window> {
  const stride = Math.max(1, Math.floor(context / 2))
  let end = Math.min(length, context)
  // Where even the first counted token lies behind the first window, what comes long before it is left out.
  if (end <= first) end = Math.min(length, first + stride)
  for (let counted = first; counted < length; end = Math.min(length, end + stride)) {
    yield { begin: Math.max(0, end - context), first: counted, end }
    counted = end
  }
}

/**
 * −ln P(ids[first], …, ids[n − 1] | ids[0], …, ids[first − 1]) in nats; `first` is at least 1. Of these tokens only those
 * for which `counts` holds are added up. A sequence longer than the model's context is measured in `windows`.
 */
export function nats(
  model: LanguageModel,
  ids: readonly number[],
  first: number,
  counts: (t: number) => boolean = () => true,
): number {
  let sum = 0
  for (const window of windows(ids.length, first, model.config.maxPositions)) {
    const tokens = Int32Array.from(ids.slice(window.begin, window.end))
    const labels = new Int32Array(tokens.length).fill(ignoredLabel)
    let counted = 0
    for (let t = window.first; t < window.end; t++) {
      if (!counts(t)) continue
      labels[t - window.begin] = ids[t]!
      counted++
    }
    if (counted === 0) continue
    sum += model.loss(tokens, labels, 1).reals[0]! * counted
    model.device.reset()
  }
  return sum
}

/** Measures texts with a model: every text begins a document. */
export class TextLikelihood {
  readonly #model: LanguageModel
  readonly #encode: (text: string) => number[]
  readonly #begin: number

  /** A `config` error if the tokenizer has no token that stands before a text. */
  constructor({ name, model, tokenizer }: ChatModel) {
    const begin = tokenizer.bosId ?? tokenizer.eosId ?? tokenizer.padId
    if (begin === undefined)
      throw new EvaluationError(
        'config',
        `${name}: without a beginning, end or padding token the first token of a text has no likelihood; name one in tokenizer_config.json`,
      )
    this.#model = model
    this.#encode = text => tokenizer.encodePlain(text)
    this.#begin = begin
  }

  /** −ln P(text | prompt) in nats. The two are encoded apart, so `text` should begin where a word does. */
  nats(text: string, prompt = ''): number {
    const before = [this.#begin, ...this.#encode(prompt)]
    return nats(this.#model, [...before, ...this.#encode(text)], before.length)
  }
}

export const utf8Length = (text: string): number => Buffer.byteLength(text)
