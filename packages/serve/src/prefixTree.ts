import type { PagedKvCache } from '@modu/model'

/** A full page of tokens behind those on the way from the root. */
export interface PrefixNode {
  readonly page: number
  readonly parent: PrefixNode | undefined
  /** By their tokens, joined. */
  readonly children: Map<string, PrefixNode>
  /** When it was last of use, in uses of the tree. */
  used: number
}

/**
 * Which pages hold which beginnings of sequences: a radix tree over token ids whose edges are whole pages (Zheng et al.
 * 2024). It holds each of its pages, so that they outlive the sequences that computed them until room is needed.
 */
export class PrefixTree {
  readonly root: PrefixNode = { page: -1, parent: undefined, children: new Map(), used: 0 }
  readonly #cache: PagedKvCache
  #uses = 0

  constructor(cache: PagedKvCache) {
    this.#cache = cache
  }

  /** What follows `node` with exactly these tokens, a page of them. */
  find(node: PrefixNode, tokens: readonly number[]): PrefixNode | undefined {
    const child = node.children.get(tokens.join())
    if (child) child.used = ++this.#uses
    return child
  }

  /** Enters a page with these tokens behind `node`, unless there is one already; returns the one that is there. */
  add(node: PrefixNode, tokens: readonly number[], page: number): PrefixNode {
    const known = this.find(node, tokens)
    if (known) return known
    const child: PrefixNode = { page, parent: node, children: new Map(), used: ++this.#uses }
    this.#cache.hold(page)
    node.children.set(tokens.join(), child)
    return child
  }

  /** Pages that no sequence holds. */
  get idlePages(): number {
    const count = (node: PrefixNode): number =>
      node.children.values().reduce((sum, child) => sum + count(child) + Number(this.#isIdle(child)), 0)
    return count(this.root)
  }

  /** Lets go the page that has been of no use for longest, of those that no sequence holds; false if there is none. */
  evict(): boolean {
    let oldest: [tokens: string, node: PrefixNode] | undefined
    const visit = (node: PrefixNode) => {
      for (const entry of node.children) {
        const [, child] = entry
        visit(child)
        const isFree = child.children.size === 0 && this.#isIdle(child)
        if (isFree && child.used < (oldest?.[1].used ?? Infinity)) oldest = entry
      }
    }
    visit(this.root)
    if (!oldest) return false
    const [tokens, { parent, page }] = oldest
    parent!.children.delete(tokens)
    this.#cache.letGo(page)
    return true
  }

  #isIdle({ page }: PrefixNode): boolean {
    return this.#cache.holdersOf(page) === 1
  }
}
