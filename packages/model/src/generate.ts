import { setImmediate } from 'node:timers/promises'
import { ModelError } from './errors.ts'
import type { KvCache, LanguageModel } from './languageModel.ts'
import type { Sampler } from './sampling.ts'

/** A cache and the tokens whose keys and values it holds, so that a later prompt with the same beginning can go on. */
export class CachedSequence {
  readonly cache: KvCache
  readonly tokens: number[] = []
  reused = 0

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

  /** Keeps what it shares with `prompt` and returns the rest: the last token at least, whose logits an answer begins with. */
  begin(prompt: readonly number[]): readonly number[] {
    this.truncate(Math.min(this.sharedWith(prompt), prompt.length - 1))
    this.reused = this.tokens.length
    return prompt.slice(this.tokens.length)
  }

  step(model: LanguageModel, tokens: readonly number[]): Float32Array {
    const logits = model.step(tokens, this.cache)
    for (const token of tokens) this.tokens.push(token)
    return logits
  }
}

/** A sequence that somebody else runs, e.g. a server together with those of others. */
export interface TokenSequence {
  /** Appends tokens, the whole prompt or the next one, and resolves with the logits after the last; the next call may write over them. */
  append(tokens: readonly number[]): Promise<Float32Array>
  /** Another sequence with the same tokens, which goes on by itself. */
  fork(): TokenSequence
  /** Gives its place up. */
  release(): void
  /** Tokens of the prompt that did not have to be computed. */
  readonly reused: number
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

/** What an answer has to do with others. */
export type TurnOptions = Pick<GenerateOptions, 'signal' | 'turn'>

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
 * Continues `prompt` token by token. Knows ids only, never text. What a `CachedSequence` shares with the prompt is not
 * computed again, and the event loop turns between its steps, so that several generators on one model interleave; each
 * needs a sequence of its own. Errors as `answerRoom`, before the first token.
 */
export async function* generate(
  model: LanguageModel,
  sequence: CachedSequence | TokenSequence,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number, GenerationEnd> {
  const { sampler, stopIds } = options
  const room = answerRoom(model, prompt.length, options.maxTokens)
  const isOwn = sequence instanceof CachedSequence
  const { append } = isOwn ? inTurns(model, sequence, options) : sequence
  let logits = await append(isOwn ? sequence.begin(prompt) : prompt)
  for (let made = 1; ; made++) {
    const token = sampler.next(logits)
    if (stopIds?.has(token)) return 'stop'
    yield token
    if (made === room) return 'length'
    logits = await append([token])
  }
}

/** Steps on a sequence of one's own, a long prompt's in chunks. */
const inTurns = (
  model: LanguageModel,
  sequence: CachedSequence,
  options: TurnOptions,
): Pick<TokenSequence, 'append'> => ({
  append: tokens => readInTurns(tokens, options, chunk => sequence.step(model, chunk)),
})

/** Has `step` read tokens in chunks, each in its turn; resolves with what the last returned. */
export async function readInTurns(
  tokens: readonly number[],
  options: TurnOptions,
  step: (chunk: readonly number[]) => Float32Array,
): Promise<Float32Array> {
  let logits: Float32Array = new Float32Array()
  for (let at = 0; at < tokens.length; at += prefillChunk) {
    await ownTurn(options)
    logits = step(tokens.slice(at, at + prefillChunk))
  }
  return logits
}

/** Resolves when it is an answer's turn for a step; throws the reason if the answer has been stopped. */
export async function ownTurn({ signal, turn = setImmediate }: TurnOptions): Promise<void> {
  await turn()
  signal?.throwIfAborted()
}
