import type { LanguageModel, PagedKvCache, PagedKvSequence } from '@modu/model'
import { type PrefixNode, PrefixTree } from './prefixTree.ts'

/** So many tokens of a prompt are read in one step; in between, answers go on. */
const chunkTokens = 256

/** So many tokens at most are read beside those of answers, in the same pass: a short prompt, or what is new in one. */
const fewTokens = 16

/** The sequences of one model that are being answered, and the pages of its cache that they share. */
export class SequenceStore {
  readonly model: LanguageModel
  readonly cache: PagedKvCache
  readonly tree: PrefixTree

  /** `tokens`: how many the model's cache has room for, about. */
  constructor(model: LanguageModel, tokens: number) {
    this.model = model
    this.cache = model.createPages(tokens)
    this.tree = new PrefixTree(this.cache)
  }

  /** Pages that sequences hold; those that only the tree holds can be had at any time. */
  get heldPages(): number {
    return this.cache.pages - this.cache.freePages - this.tree.idlePages
  }

  open(): StoredSequence {
    return new StoredSequence(this)
  }

  /** Runs the next tokens of a prompt, for which there is room; returns the logits behind its last, undefined before that. */
  runChunk(sequence: StoredSequence): Float32Array | undefined {
    const { length } = sequence.cached
    const logits = this.model.step(sequence.tokens.slice(length, length + sequence.chunk), sequence.cached)
    sequence.publish()
    return sequence.pending === 0 ? logits : undefined
  }

  /** Runs the few pending tokens of each sequence in one pass; returns the logits behind the last of each, until the next pass. */
  runTogether(sequences: readonly StoredSequence[]): Float32Array[] {
    const tokens: number[] = []
    const rows: PagedKvSequence[] = []
    const ends: number[] = []
    for (const { tokens: all, cached } of sequences) {
      for (let i = cached.length; i < all.length; i++) {
        tokens.push(all[i]!)
        rows.push(cached)
      }
      ends.push(rows.length)
    }
    const logits = this.model.stepAll(tokens, rows)
    for (const sequence of sequences) sequence.publish()
    const size = logits.length / rows.length
    return ends.map(end => logits.subarray((end - 1) * size, end * size))
  }
}

/** Tokens of one answer, prompt and all, of which the first are in the cache. */
export class StoredSequence {
  readonly store: SequenceStore
  readonly tokens: number[] = []
  readonly cached: PagedKvSequence
  /** The last full page in the tree. */
  #node: PrefixNode
  /** Tokens up to its end. */
  #published = 0
  /** Tokens that have been in the cache, also those given up since. */
  #reached = 0
  /** Tokens that others had computed. */
  reused = 0

  constructor(store: SequenceStore, cached: PagedKvSequence = store.cache.createSequence()) {
    this.store = store
    this.cached = cached
    this.#node = store.tree.root
  }

  /** Another one with the same tokens; what of them has no page there yet is pending. */
  fork(): StoredSequence {
    const fork = new StoredSequence(this.store, this.cached.fork())
    fork.tokens.push(...this.tokens)
    fork.#node = this.#node
    fork.#published = this.#published
    fork.#reached = this.#reached
    fork.reused = this.reused
    return fork
  }

  /** Tokens that are not in the cache yet. */
  get pending(): number {
    return this.tokens.length - this.cached.length
  }

  /** Whether they are few enough to be run together with those of others. */
  get isShort(): boolean {
    return this.pending <= fewTokens
  }

  /** Whether its pages have room for them. */
  get hasRoom(): boolean {
    return this.cached.pages.length * this.store.cache.pageTokens >= this.tokens.length
  }

  /** How many of them the next step takes. */
  get chunk(): number {
    return Math.min(this.pending, chunkTokens)
  }

  /** Goes on with pages that others have computed, as far as they have the same tokens. The last token is always computed. */
  share(): void {
    const { tree, cache } = this.store
    const before = this.#node
    this.#reached = Math.max(this.#reached, this.cached.length)
    // Pages it has got for a step that did not come about would stand before those it finds.
    if (this.cached.length % cache.pageTokens === 0) this.cached.truncate(this.cached.length)
    while (this.cached.length % cache.pageTokens === 0) {
      const { length } = this.cached
      const next = length + cache.pageTokens
      const node = next < this.tokens.length ? tree.find(this.#node, this.tokens.slice(length, next)) : undefined
      if (!node) break
      this.cached.share(node.page)
      this.#node = node
      this.#published = next
    }
    if (this.#node === before) return
    tree.use(this.#node)
    this.reused += Math.max(0, this.cached.length - this.#reached)
  }

  /** Enters the pages that have become full into the tree. */
  publish(): void {
    const { tree, cache } = this.store
    const { pages, length } = this.cached
    const before = this.#node
    for (let end = this.#published + cache.pageTokens; end <= length; end += cache.pageTokens) {
      const tokens = this.tokens.slice(end - cache.pageTokens, end)
      const index = end / cache.pageTokens - 1
      this.#node = tree.add(this.#node, tokens, pages[index]!)
      // Another may have computed the same at the same time; one page of it is enough.
      if (this.#node.page !== pages[index]) this.cached.replace(index, this.#node.page)
      this.#published = end
    }
    if (this.#node !== before) tree.use(this.#node)
  }

  /** Gives the pages back; the tokens can be computed anew. */
  giveUp(): void {
    this.#reached = Math.max(this.#reached, this.cached.length)
    this.cached.release()
    this.#node = this.store.tree.root
    this.#published = 0
  }
}
