/**
 * A hash table from pairs of token ids to small dense numbers 0, 1, 2, … in order of insertion: the rank of a merge in
 * the encoder, the row of a pair's statistics in the trainer. Open addressing on typed arrays, because a `Map` keyed by
 * `a * size + b` boxes its keys and is several times slower.
 */
export class PairTable {
  /** first[n], second[n]: the ids of pair n. */
  first: Int32Array
  second: Int32Array
  size = 0
  /** n + 1 of the pair whose probe sequence meets this slot, 0 if free. */
  #slots: Int32Array

  constructor(expected = 1024) {
    const slots = 1 << Math.ceil(Math.log2(Math.max(16, expected * 2)))
    this.#slots = new Int32Array(slots)
    this.first = new Int32Array(slots / 2)
    this.second = new Int32Array(slots / 2)
  }

  /** The number of the pair (a, b), or −1. */
  find(a: number, b: number): number {
    const mask = this.#slots.length - 1
    for (let slot = hash(a, b) & mask; ; slot = (slot + 1) & mask) {
      const n = this.#slots[slot] - 1
      if (n < 0 || (this.first[n] === a && this.second[n] === b)) return n
    }
  }

  /** The number of the pair (a, b), which is added if it is new. */
  add(a: number, b: number): number {
    const found = this.find(a, b)
    if (found >= 0) return found
    if (this.size === this.first.length) this.#grow()
    const n = this.size++
    this.first[n] = a
    this.second[n] = b
    this.#place(n)
    return n
  }

  #place(n: number): void {
    const mask = this.#slots.length - 1
    let slot = hash(this.first[n], this.second[n]) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = n + 1
  }

  #grow(): void {
    this.first = grown(this.first, this.size * 2)
    this.second = grown(this.second, this.size * 2)
    this.#slots = new Int32Array(this.#slots.length * 2)
    for (let n = 0; n < this.size; n++) this.#place(n)
  }
}

const hash = (a: number, b: number): number => {
  const mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

/** A copy of `array` with room for `length` entries, the new ones zero. */
export function grown<T extends Int32Array | Float64Array>(array: T, length: number): T {
  const larger = new (array.constructor as new (length: number) => T)(length)
  larger.set(array)
  return larger
}
