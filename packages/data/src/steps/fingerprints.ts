/** A set of 64-bit fingerprints in plain arrays: 8 bytes each at most half full, so 16 to 32 bytes a member. */
export class Fingerprints {
  // Pairs of words; a pair of zeros is an empty place.
  private table: Uint32Array = new Uint32Array(2 * 1024)
  private size = 0

  /** The table in memory that threads share, to be read by `shared` in each of them. */
  share(): Uint32Array {
    const table = new Uint32Array(new SharedArrayBuffer(this.table.byteLength))
    table.set(this.table)
    return table
  }

  /** A set that another thread has made, to look up in. */
  static shared(table: Uint32Array): Pick<Fingerprints, 'has'> {
    const set = new Fingerprints()
    set.table = table
    return set
  }

  /** Adds a fingerprint of two 32-bit words; false if it was there. */
  add(high: number, low: number): boolean {
    const at = this.place(high, low)
    if (this.isTaken(at)) return false
    this.table[at] = high
    this.table[at + 1] = wordOf(high, low)
    if (++this.size * 4 > this.table.length) this.grow()
    return true
  }

  has(high: number, low: number): boolean {
    return this.isTaken(this.place(high, low))
  }

  private isTaken(at: number): boolean {
    return this.table[at] !== 0 || this.table[at + 1] !== 0
  }

  /** Where a fingerprint lies, or the empty place where it would. */
  private place(high: number, low: number): number {
    const { table } = this
    const a = high >>> 0
    const b = wordOf(high, low)
    let at = (2 * a) & (table.length - 2)
    while (this.isTaken(at) && (table[at] !== a || table[at + 1] !== b)) at = (at + 2) & (table.length - 2)
    return at
  }

  private grow(): void {
    const old = this.table
    this.table = new Uint32Array(old.length * 2)
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] === 0 && old[i + 1] === 0) continue
      const at = this.place(old[i]!, old[i + 1]!)
      this.table[at] = old[i]!
      this.table[at + 1] = old[i + 1]!
    }
  }
}

/** The second word as stored: the pair of zeros means an empty place, so it borrows its neighbour's. */
const wordOf = (high: number, low: number): number => (high === 0 && low === 0 ? 1 : low >>> 0)
