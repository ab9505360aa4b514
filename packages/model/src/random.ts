/**
 * Seeded random numbers (sfc32 by Chris Doty-Humphrey: 128 bits of state, passes PractRand). The same seed gives the
 * same numbers on every machine. The state can be stored and continued.
 */
export class Random {
  private readonly words: Uint32Array

  /** `seed`: any integer, or the `state` of another generator to go on from there. */
  constructor(seed: number | readonly number[]) {
    if (typeof seed === 'number') {
      this.words = Uint32Array.of(seed, Math.floor(seed / 2 ** 32), 0x9e3779b9, 1)
      for (let i = 0; i < 12; i++) this.bits()
    } else this.words = Uint32Array.from(seed)
  }

  /** Four 32-bit words to store. */
  get state(): number[] {
    return [...this.words]
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const w = this.words
    const result = (w[0]! + w[1]! + w[3]!) >>> 0
    w[3]! += 1
    w[0] = w[1]! ^ (w[1]! >>> 9)
    w[1] = w[2]! + (w[2]! << 3)
    w[2] = ((w[2]! << 21) | (w[2]! >>> 11)) + result
    return result
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) / 2 ** 53
  }

  /** A whole number from 0 to `n` − 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  /** Normal with mean 0 and standard deviation 1 (Box–Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform())
  }
}
