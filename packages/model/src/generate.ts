import { setImmediate } from 'node:timers/promises'
import { ModelError } from './errors.ts'
import type { KvCache, LanguageModel } from './languageModel.ts'
import type { Sampler } from './sampling.ts'

/** A cache and the tokens whose keys and values it holds, so that a later prompt with the same beginning can go on. */
export class CachedSequence {
  readonly cache: KvCache
  readonly tokens: number[] = []

  constructor(model: LanguageModel, capacity: number) {
    this.cache = model.createCache(capacity)
  }

  /** How many of the first tokens of `prompt` are here already. */
  sharedWith(prompt: readonly number[]): number {
    let shared = 0
    while (shared < prompt.length && this.tokens[shared] === prompt[shared]) shared++
    return shared
  }

  truncate(length: number): void {
    this.cache.truncate(length)
    this.tokens.length = length
  }

  step(model: LanguageModel, tokens: readonly number[]): Float32Array {
    const logits = model.step(tokens, this.cache)
    for (const token of tokens) this.tokens.push(token)
    return logits
  }
}

export interface GenerateOptions {
  /** Draws each token from the logits: a `Sampler`, or a `ReplySampler` around one. */
  sampler: Pick<Sampler, 'next'>
  /** At most so many tokens; the rest of the context if absent. */
  maxTokens?: number
  /** Tokens that end the answer; they are not part of it. */
  stopIds?: ReadonlySet<number>
  /** Stops the answer before its next step: its reason is thrown. */
  signal?: AbortSignal
  /** Awaited before each step (a chunk of the prompt, or a token), so that several answers take turns. */
  turn?: () => Promise<unknown>
}

/** Why an answer ended: a stop token, or the limit of tokens. */
export type GenerationEnd = 'stop' | 'length'

/** So many prompt tokens are read in one step; in between, other answers go on and a signal is heard. */
const prefillChunk = 256

/**
 * How many tokens a prompt leaves room for. A `context` error if the prompt fills the context or `maxTokens` are more
 * than fit; an `option` error if `maxTokens` is no positive integer.
 */
export function answerRoom(model: LanguageModel, promptLength: number, maxTokens?: number): number {
  const context = model.config.maxPositions
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens >= 1))
    throw new ModelError('option', `max_tokens is ${maxTokens}; it must be an integer of 1 or more`)
  if (promptLength === 0) throw new ModelError('context', 'the prompt is empty; give at least one token')
  if (promptLength >= context)
    throw new ModelError(
      'context',
      `the prompt has ${promptLength} tokens, but the model's context is ${context}, answer included; shorten the prompt`,
    )
  if (maxTokens !== undefined && promptLength + maxTokens > context)
    throw new ModelError(
      'context',
      `max_tokens is ${maxTokens}, but after a prompt of ${promptLength} tokens the model's context of ${context} has room for ${context - promptLength}; lower max_tokens`,
    )
  return maxTokens ?? context - promptLength
}

/**
 * Continues `prompt` token by token. Knows ids only, never text. What `sequence` shares with the prompt is not computed
 * again. The event loop turns between steps, so that several generators on one model interleave; each needs a sequence
 * of its own. Errors as `answerRoom`, before the first token.
 */
export async function* generate(
  model: LanguageModel,
  sequence: CachedSequence,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number, GenerationEnd> {
  const { sampler, stopIds, signal, turn = setImmediate } = options
  const room = answerRoom(model, prompt.length, options.maxTokens)
  const step = async (tokens: readonly number[]): Promise<Float32Array> => {
    await turn()
    signal?.throwIfAborted()
    return sequence.step(model, tokens)
  }
  // The last token is always fed, because its logits are what the answer begins with.
  sequence.truncate(Math.min(sequence.sharedWith(prompt), prompt.length - 1))
  let logits: Float32Array = new Float32Array()
  for (let at = sequence.tokens.length; at < prompt.length; at += prefillChunk)
    logits = await step(prompt.slice(at, at + prefillChunk))
  for (let made = 1; ; made++) {
    const token = sampler.next(logits)
    if (stopIds?.has(token)) return 'stop'
    yield token
    if (made === room) return 'length'
    logits = await step([token])
  }
}
