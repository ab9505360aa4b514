/** Anything that waits on behalf of a key. */
export interface Waiting {
  readonly key: string
}

/**
 * Fairness between keys: whoever got the fewest tokens comes first, and within a key who came first. A key that comes (again)
 * begins where the others are, so that nobody saves up turns (start-time fair queueing, Goyal et al. 1996).
 */
export class Shares {
  readonly #members = new Map<string, { requests: number; served: number }>()
  #now = 0

  /** One more request of `key`. */
  join(key: string): void {
    const member = this.#members.get(key)
    if (member) member.requests++
    else this.#members.set(key, { requests: 1, served: this.#now })
  }

  /** One request of `key` less. */
  part(key: string): void {
    const member = this.#members.get(key)!
    if (--member.requests === 0) this.#members.delete(key)
  }

  /** `key` has got its turn: so many tokens. */
  charge(key: string, tokens: number): void {
    const member = this.#members.get(key)!
    this.#now = Math.max(this.#now, member.served)
    member.served += tokens
  }

  /** In the order of their turns. */
  order<T extends Waiting>(waiting: readonly T[]): T[] {
    return waiting.toSorted((a, b) => this.#servedTo(a) - this.#servedTo(b))
  }

  #servedTo({ key }: Waiting): number {
    return this.#members.get(key)!.served
  }
}
