import { Random } from '@modu/model/random'
import { hashText, mixBits } from './hash.ts'

// 16 bands of 5: a pair of Jaccard similarity s meets in some band with probability 1 − (1 − s⁵)¹⁶, which is 99.8% at
// 0.8 and 15% at 0.4; what meets is then compared by whole signatures, which takes the latter out.
export const bands = 16
const rows = 5
export const signatureLength = bands * rows
const shingleLength = 5

/** Documents whose signatures agree in this share or more are near duplicates: between 0.4 and 0.8, nearer the upper so that few unlike pairs pass. */
export const threshold = 0.66

const noise = new Random(20)
const multipliers = Int32Array.from({ length: signatureLength }, () => noise.bits() | 1)
const offsets = Int32Array.from({ length: signatureLength }, () => noise.bits())

/**
 * The MinHash signature of a text, given without spaces and letter case (Broder 1997): for each of 80 hash functions, the least value over its character
 * 5-grams. Two texts agree in each place with the probability of their Jaccard
 * similarity. Of each value 16 bits are kept (Li and König 2010).
 */
export function minHash(letters: string): Uint16Array {
  const shingles = Math.max(1, letters.length - shingleLength + 1)
  const hashes = new Int32Array(shingles)
  for (let i = 0; i < shingles; i++) hashes[i] = hashText(letters, 7, i, Math.min(i + shingleLength, letters.length))
  const signature = new Uint16Array(signatureLength)
  for (let i = 0; i < signatureLength; i++) {
    const multiplier = multipliers[i]!
    const offset = offsets[i]!
    let least = 0x7fffffff
    for (let shingle = 0; shingle < shingles; shingle++) {
      const value = (Math.imul(hashes[shingle]!, multiplier) + offset) | 0
      if (value < least) least = value
    }
    // The least of many values begins with zeros: mixed, any 16 bits of it tell as much as others.
    signature[i] = mixBits(least)
  }
  return signature
}

/** The share of places in which two signatures agree: an estimate of the texts' Jaccard similarity. */
export function similarity(a: Uint16Array, b: Uint16Array): number {
  let equal = 0
  for (let i = 0; i < signatureLength; i++) if (a[i] === b[i]) equal++
  return equal / signatureLength
}

/** A hash of each band of a signature, in two words: documents that share one are compared. */
export function bandKeys(signature: Uint16Array): Uint32Array {
  const keys = new Uint32Array(2 * bands)
  for (let band = 0; band < bands; band++) {
    let high = band
    let low = ~band
    for (let i = band * rows; i < (band + 1) * rows; i++) {
      high = mixBits(high ^ signature[i]!)
      low = mixBits(low ^ signature[i]!)
    }
    keys[2 * band] = high
    keys[2 * band + 1] = low
  }
  return keys
}
