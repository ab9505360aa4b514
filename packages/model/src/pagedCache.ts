import { type Device, embedding, type Tensor } from '@modu/engine'
import type { ModelConfig } from './config.ts'
import { ModelError } from './errors.ts'
import { type CachedLayers, type DecodingStep, roomFor, SequenceCache } from './kvCache.ts'
import type { KvCache, PagedKvCache, PagedKvSequence } from './languageModel.ts'
import { RecordedStep } from './recordedStep.ts'
import { integers } from './sequences.ts'

/** Tokens a page: few enough that a half-empty one wastes little, enough that attention seldom looks up the next. */
export const pageTokens = 16

/** Operations on so many rows are made for decoding: they sort nothing on the way, so they can be recorded. */
const mostTogether = 32

/**
 * The keys and values (or latents) of many sequences in pages of one memory, counted by who holds them: sequences with
 * the same beginning hold the same pages. Kwon et al. 2023.
 */
export class PagedCache implements PagedKvCache {
  readonly pageTokens = pageTokens
  readonly pages: number
  readonly mostTogether = mostTogether
  /** layers[i][j]: the j-th tensor of layer i, [pages, pageTokens, width]. */
  readonly layers: readonly (readonly Tensor[])[]
  /** Tokens that one sequence has room for at most. */
  readonly capacity: number
  readonly device: Device
  private shared = 0
  private readonly free: number[]
  private readonly holders: Uint32Array
  /** By the number of sequences: the step of one token of each, and the tables of their pages. */
  private readonly steps = new Map<number, { readonly step: RecordedStep; readonly tables: Tensor }>()

  /** Of as many pages as `tokens` fill, one at least. `widths`: numbers a token takes in each tensor of a layer. */
  constructor(device: Device, config: ModelConfig, tokens: number, widths: readonly number[]) {
    const pages = Math.max(1, Math.floor(tokens / pageTokens))
    const { numHiddenLayers: layers, maxPositions } = config
    this.device = device
    this.pages = pages
    this.capacity = maxPositions
    this.layers = Array.from({ length: layers }, () =>
      widths.map(width => device.persistent([pages, pageTokens, width])),
    )
    this.free = Array.from({ length: pages }, (_, i) => pages - 1 - i)
    this.holders = new Uint32Array(pages)
  }

  get freePages(): number {
    return this.free.length
  }

  get sharedPages(): number {
    return this.shared
  }

  createSequence(): PagedSequence {
    return new PagedSequence(this)
  }

  /** A page that nobody holds; undefined when there is none. */
  take(): number | undefined {
    const page = this.free.pop()
    if (page !== undefined) this.holders[page] = 1
    return page
  }

  hold(page: number): void {
    this.holders[page]!++
    if (this.holders[page] === 2) this.shared++
  }

  letGo(page: number): void {
    if (this.holders[page] === 0) throw new ModelError('option', `page ${page} of the cache has been let go twice`)
    this.holders[page]!--
    if (this.holders[page] === 1) this.shared--
    if (this.holders[page] === 0) this.free.push(page)
  }

  holdersOf(page: number): number {
    return this.holders[page]!
  }

  /**
   * Appends a token to each sequence, which has a page for it, by a recorded step; one that stands there several times gets
   * its tokens in turn. `forward` as in `SequenceCache.append`.
   */
  append(tokens: ArrayLike<number>, sequences: readonly PagedSequence[], forward: DecodingStep): Float32Array {
    const { step, tables } = this.stepOf(sequences.length, forward)
    for (const [s, sequence] of sequences.entries()) {
      step.tokens[s] = tokens[s]!
      step.positions[s] = sequence.length
      tables.integers.set(sequence.pages, s * tables.shape[1]!)
      // A later row of the same sequence sees this one: every layer writes all rows before it attends to any.
      sequence.advance(1)
    }
    return step.run()
  }

  release(): void {
    for (const { step, tables } of this.steps.values()) {
      step.release()
      this.device.release(tables)
    }
    this.steps.clear()
    for (const tensor of this.layers.flat()) this.device.release(tensor)
  }

  private stepOf(count: number, forward: DecodingStep) {
    let made = this.steps.get(count)
    if (!made) {
      const tables = this.device.persistent([count, Math.ceil(this.capacity / pageTokens)], 'i32')
      const { layers, capacity } = this
      const step = new RecordedStep(this.device, count, (ids, positions) =>
        forward(ids, positions, { layers, capacity, pages: tables }),
      )
      made = { step, tables }
      this.steps.set(count, made)
    }
    return made
  }
}

/** One sequence in pages: page i holds the tokens from i·pageTokens on. */
export class PagedSequence implements PagedKvSequence {
  readonly cache: PagedCache
  readonly pages: number[] = []
  private tokens = 0

  constructor(cache: PagedCache) {
    this.cache = cache
  }

  get length(): number {
    return this.tokens
  }

  get capacity(): number {
    return this.cache.capacity
  }

  /** Goes on with a full page that has been computed for another sequence with the same beginning. */
  share(page: number): void {
    this.cache.hold(page)
    this.pages.push(page)
    this.tokens += pageTokens
  }

  /** Holds another page, of the same tokens, as page `index`. */
  replace(index: number, page: number): void {
    this.cache.hold(page)
    this.cache.letGo(this.pages[index]!)
    this.pages[index] = page
  }

  /** Takes pages for `count` more tokens; false if the cache has too few, some of which may have been taken. */
  reserve(count: number): boolean {
    while (this.pages.length * pageTokens < this.tokens + count) {
      const page = this.cache.take()
      if (page === undefined) return false
      this.pages.push(page)
    }
    return true
  }

  fork(): PagedSequence {
    const fork = new PagedSequence(this.cache)
    const [full, rest] = [Math.floor(this.tokens / pageTokens), this.tokens % pageTokens]
    for (const page of this.pages.slice(0, full)) fork.share(page)
    if (rest === 0 || !fork.reserve(rest)) return fork
    const [from, to] = [this.pages[full]!, fork.pages[full]!]
    for (const tensor of this.cache.layers.flat()) {
      const width = tensor.shape[2]!
      tensor.reals.copyWithin(to * pageTokens * width, from * pageTokens * width, (from * pageTokens + rest) * width)
    }
    fork.advance(rest)
    return fork
  }

  /** Counts `count` more tokens, whose rows have been written. */
  advance(count: number): void {
    this.tokens += count
  }

  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.tokens)
      throw new ModelError('option', `cannot keep ${length} of the ${this.tokens} tokens in the cache`)
    // What is written behind the end later must not be seen by others who hold the page.
    if (length % pageTokens !== 0)
      throw new ModelError('option', `a sequence in pages of ${pageTokens} tokens cannot be cut at ${length}`)
    this.tokens = length
    for (const page of this.pages.splice(length / pageTokens)) this.cache.letGo(page)
  }

  release(): void {
    this.truncate(0)
  }
}

/** The first `count` tokens of a sequence in a tensor of its cache, one after the other: [count, width]. */
export function pastRows(tensor: Tensor, sequence: SequenceCache | PagedSequence, count: number): Tensor {
  if (sequence instanceof SequenceCache) return tensor.rows(0, count)
  const [pages, , width] = tensor.shape as [number, number, number]
  const rows = Array.from({ length: count }, (_, t) => {
    return sequence.pages[Math.floor(t / pageTokens)]! * pageTokens + (t % pageTokens)
  })
  return embedding(tensor.reshape([pages * pageTokens, width]), integers(tensor.device, rows))
}

/** Where a pass over more tokens of a sequence finds what is cached of it. */
export function cachedLayers(sequence: SequenceCache | PagedSequence): CachedLayers {
  if (sequence instanceof SequenceCache) return sequence
  const { cache, pages } = sequence
  return {
    layers: cache.layers,
    capacity: cache.capacity,
    pages: integers(cache.device, pages).reshape([1, pages.length]),
  }
}

/** The sequences, all of one cache, if each has pages for as many more tokens as it is named; else an error. */
export function roomInPages(sequences: readonly KvCache[], tokens: ArrayLike<number>): PagedSequence[] {
  if (!(sequences.length >= 1 && sequences.length <= mostTogether && tokens.length === sequences.length))
    throw new ModelError(
      'option',
      `give 1 to ${mostTogether} sequences and a token for each, not ${sequences.length} and ${tokens.length}`,
    )
  const counts = new Map<PagedSequence, number>()
  return sequences.map(sequence => {
    if (!(sequence instanceof PagedSequence) || sequence.cache !== (sequences[0] as PagedSequence).cache)
      throw new ModelError('option', 'give sequences that createPages has made room for, all of one cache')
    const count = (counts.get(sequence) ?? 0) + 1
    counts.set(sequence, count)
    return roomInPage(sequence, count)
  })
}

/** The sequence, if `count` more tokens fit into it; else a `context` error. */
export function roomForMore(cache: KvCache, count: number): SequenceCache | PagedSequence {
  return cache instanceof PagedSequence ? roomInPage(cache, count) : roomFor(cache, count)
}

function roomInPage(sequence: PagedSequence, count: number): PagedSequence {
  if (count === 0) throw new ModelError('option', 'a step needs at least one token')
  const needed = sequence.length + count
  if (needed > sequence.capacity || !sequence.reserve(count))
    throw new ModelError('context', `a sequence of ${needed} tokens does not fit into the cache; shorten the text`)
  return sequence
}
