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
const multipliers = Uint32Array.from({ length: signatureLength }, () => noise.bits() | 1)
const offsets = Uint32Array.from({ length: signatureLength }, () => noise.bits())

/**
 * The MinHash signature of a text (Broder 1997): for each of 80 hash functions, the least value over its character
 * 5-grams without spaces and letter case. Two texts agree in each place with the probability of their Jaccard
 * similarity. Of each value 16 bits are kept (Li and König 2010).
 */
export function minHash(text: string): Uint16Array {
  const letters = text.toLowerCase().replace(/\s+/g, '')
  const least = new Uint32Array(signatureLength).fill(0xffffffff)
  for (let start = 0; start === 0 || start + shingleLength <= letters.length; start++) {
    const hash = hashText(letters, 7, start, Math.min(start + shingleLength, letters.length))
    for (let i = 0; i < signatureLength; i++) {
      const value = (Math.imul(hash, multipliers[i]!) + offsets[i]!) >>> 0
      if (value < least[i]!) least[i] = value
    }
  }
  const signature = new Uint16Array(signatureLength)
  // The least of many values begins with zeros: mixed, any 16 bits of it tell as much as others.
  for (let i = 0; i < signatureLength; i++) signature[i] = mixBits(least[i]!)
  return signature
}

/** The share of places in which two signatures agree: an estimate of the texts' Jaccard similarity. */
export function similarity(a: Uint16Array, b: Uint16Array): number {
  let equal = 0
  for (let i = 0; i < signatureLength; i++) if (a[i] === b[i]) equal++
  return equal / signatureLength
}

/** Of each band of a signature a hash in two words: documents that share one are compared. */
export function bandKeys(signature: Uint16Array): (readonly [high: number, low: number])[] {
  return Array.from({ length: bands }, (_, band) => {
    let high = band
    let low = ~band
    for (const value of signature.subarray(band * rows, (band + 1) * rows)) {
      high = mixBits(high ^ value)
      low = mixBits(low ^ value)
    }
    return [high, low]
  })
}
