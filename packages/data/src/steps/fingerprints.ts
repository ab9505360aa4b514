/** A set of 64-bit fingerprints in plain arrays: 8 bytes each at most half full, so 16 to 32 bytes a member. */
export class Fingerprints {
  // Pairs of words; a pair of zeros is an empty place.
  private table = new Uint32Array(2 * 1024)
  private size = 0

  /** Adds a fingerprint of two 32-bit words; false if it was there. */
  add(high: number, low: number): boolean {
    const a = high >>> 0
    // The pair of zeros means empty, so it borrows its neighbour's place.
    const b = (a === 0 && low === 0 ? 1 : low) >>> 0
    if (!this.place(a, b)) return false
    if (++this.size * 4 > this.table.length) this.grow()
    return true
  }

  private place(a: number, b: number): boolean {
    const { table } = this
    const mask = table.length / 2 - 1
    for (let at = a & mask; ; at = (at + 1) & mask) {
      const x = table[2 * at]!
      const y = table[2 * at + 1]!
      if (x === a && y === b) return false
      if (x === 0 && y === 0) {
        table[2 * at] = a
        table[2 * at + 1] = b
        return true
      }
    }
  }

  private grow(): void {
    const old = this.table
    this.table = new Uint32Array(old.length * 2)
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0 || old[i + 1] !== 0) this.place(old[i]!, old[i + 1]!)
  }
}
