import type { Device, Tensor } from '@modu/engine'
import type { ModelConfig } from './config.ts'
import type { Sequences } from './sequences.ts'

/**
 * What every model family offers, on every device. Token ids only; text is the tokenizer's business.
 * One forward pass serves training (with a tape on the device), verification and generation (with a cache).
 */
export interface LanguageModel {
  readonly config: ModelConfig
  readonly device: Device
  /** All weights by the module names of transformers (routed experts stacked), as in `fixtures/*​/train.safetensors`. */
  readonly parameters: ReadonlyMap<string, Tensor>
  /** What belongs to a checkpoint but has no gradient: the routers' correction biases, by module name. */
  readonly buffers: ReadonlyMap<string, Tensor>
  /** [vocabulary, hidden]: `logits` are the products of hidden states with its rows. */
  readonly head: Tensor

  /**
   * Final hidden states, after the last norm. ids: [tokens] of all `sequences`, each of which begins at position 0 and
   * sees nothing of the others; returns [tokens, hidden]. With `record`, the embedding output and every layer's output
   * are pushed to it ([tokens, hidden] each).
   */
  hidden(ids: Int32Array, sequences: Sequences, record?: Tensor[]): Tensor

  /** hidden: [rows, hidden] → [rows, vocabulary]. */
  logits(hidden: Tensor): Tensor

  /**
   * Mean cross-entropy in nats of position t of a sequence predicting its labels[t + 1] (labels are shifted inside; −100
   * is ignored), as a scalar, ready for the tape. Adds `mtpWeight` times the loss of the multi-token-prediction module if there is one.
   */
  loss(ids: Int32Array, labels: Int32Array, sequences: Sequences, options?: LossOptions): Tensor

  /** Room for `capacity` tokens of one sequence, in persistent memory. */
  createCache(capacity: number): KvCache

  /**
   * Appends `tokens` to the sequence in `cache` and returns the logits after the last of them, [vocabulary]; the next step
   * with this cache may write over them. Forgets the device's temporaries (`reset`). A `context` error if the tokens do
   * not fit, a `token` error for an id outside the vocabulary; the cache is then as it was.
   */
  step(tokens: ArrayLike<number>, cache: KvCache): Float32Array

  /** As `step`, but returns a copy of the final hidden states of all `tokens`, after the last norm: [tokens, hidden]. */
  stepHidden(tokens: ArrayLike<number>, cache: KvCache): Float32Array

  /** Room for `capacity` tokens of each of `sequences` sequences (at most 8) that go on together, in persistent memory. */
  createCaches(sequences: number, capacity: number): KvCaches

  /**
   * Appends tokens[s] to sequence s of `caches`, or nothing if it is negative, in one pass: much faster than one after the
   * other. Returns the logits after each, [sequences, vocabulary], without meaning where nothing was appended; the next
   * step writes over them. Otherwise as `step`. Of a `PagedKvCache` any of its sequences, up to `mostTogether`; one that stands
   * there several times gets its tokens in turn, so that short prompts can be read in the same pass.
   */
  stepAll(tokens: ArrayLike<number>, caches: KvCaches | readonly KvCache[]): Float32Array

  /** Bytes that a token takes in a cache. */
  readonly cachedBytes: number

  /** Pages for `tokens` tokens of many sequences of any length, in persistent memory: what a server needs. */
  createPages(tokens: number): PagedKvCache
}

export interface LossOptions {
  /** Weight of the multi-token-prediction loss; 0 by default. */
  readonly mtpWeight?: number
  /**
   * Weight of the routers' sequence-wise balance loss (DeepSeek-V3, section 2.1.2), a mean over the labels that count: each
   * carries the loss of its sequence. It leaves out the multi-token-prediction module's router. 0 by default.
   */
  readonly balanceWeight?: number
  /** Multiplies the whole loss: a micro-batch's part of its batch. 1 by default. */
  readonly weight?: number
}

/** The keys and values (or their latents) of one sequence, layer by layer. */
export interface KvCache {
  readonly length: number
  readonly capacity: number
  /** Forgets everything after the first `length` tokens, so that a shared prefix can be continued differently. */
  truncate(length: number): void
  /** Gives the memory back. */
  release(): void
}

/** The keys and values of many sequences in pages, counted by who holds them. A page that nobody holds is free. */
export interface PagedKvCache {
  /** Tokens a page. */
  readonly pageTokens: number
  readonly pages: number
  readonly freePages: number
  /** Pages that more than one holds. */
  readonly sharedPages: number
  /** So many sequences can go on in one pass. */
  readonly mostTogether: number
  createSequence(): PagedKvSequence
  hold(page: number): void
  letGo(page: number): void
  holdersOf(page: number): number
  /** Gives the memory back. */
  release(): void
}

/** A sequence in pages: `pages[i]` holds its tokens from i · pageTokens on. It can be truncated between pages only. */
export interface PagedKvSequence extends KvCache {
  readonly pages: readonly number[]
  /** At the end of a page: goes on with a full page that has been computed for another sequence with the same beginning. */
  share(page: number): void
  /** Holds another page, of the same tokens, as page `index`. */
  replace(index: number, page: number): void
  /** Takes pages for `count` more tokens; false if the cache has too few, some of which may have been taken. */
  reserve(count: number): boolean
  /**
   * Another sequence that begins as this one: it shares full pages and has the rest in a page of its own, or without that
   * rest where no page is free.
   */
  fork(): PagedKvSequence
}

/** The keys and values of several sequences that go on together. */
export interface KvCaches {
  readonly sequences: number
  readonly capacity: number
  /** Makes a sequence what `cache`, of the same model, holds. */
  fill(sequence: number, cache: KvCache): void
  /** Gives the memory back. */
  release(): void
}
