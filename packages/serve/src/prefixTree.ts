import type { PagedKvCache } from '@modu/model'

/** A full page of tokens behind those on the way from the root. */
export interface PrefixNode {
  readonly page: number
  /** The page's tokens, joined: its name among the parent's children. */
  readonly tokens: string
  readonly parent: PrefixNode | undefined
  readonly children: Map<string, PrefixNode>
}

/**
 * Which pages hold which beginnings of sequences: a radix tree over token ids whose edges are whole pages (Zheng et al.
 * 2024). It holds each of its pages, so that they outlive the sequences that computed them until room is needed.
 */
export class PrefixTree {
  readonly root: PrefixNode = { page: -1, tokens: '', parent: undefined, children: new Map() }
  readonly #cache: PagedKvCache
  /** The one that was of no use for longest first, and every node after those behind it. */
  readonly #byUse = new Set<PrefixNode>()

  constructor(cache: PagedKvCache) {
    this.#cache = cache
  }

  /** What follows `node` with exactly these tokens, a page of them. */
  find(node: PrefixNode, tokens: readonly number[]): PrefixNode | undefined {
    return node.children.get(tokens.join())
  }

  /** Enters a page with these tokens behind `node`, unless there is one already; returns the one that is there. */
  add(parent: PrefixNode, tokens: readonly number[], page: number): PrefixNode {
    const known = this.find(parent, tokens)
    if (known) return known
    const node = { page, tokens: tokens.join(), parent, children: new Map() }
    this.#cache.hold(page)
    parent.children.set(node.tokens, node)
    return node
  }

  /** Notes that a sequence goes on behind `node`: to be called after pages on the way to it were found or added. */
  use(node: PrefixNode): void {
    for (let at = node; at.parent; at = at.parent) {
      this.#byUse.delete(at)
      this.#byUse.add(at)
    }
  }

  /** Pages that no sequence holds: what sequences share, they share by the tree. */
  get idlePages(): number {
    return this.#byUse.size - this.#cache.sharedPages
  }

  /** Lets go the page that has been of no use for longest, of those that no sequence holds; false if there is none. */
  evict(): boolean {
    // Whoever holds a page holds all on the way to it. So the first that is idle has nothing behind it.
    const node = this.#byUse.values().find(node => this.#isIdle(node))
    if (!node) return false
    this.#byUse.delete(node)
    node.parent!.children.delete(node.tokens)
    this.#cache.letGo(node.page)
    return true
  }

  #isIdle({ page }: PrefixNode): boolean {
    return this.#cache.holdersOf(page) === 1
  }
}
