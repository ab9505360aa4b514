import { Random } from '@modu/model'
import { hashText, mixBits } from './hash.ts'

// 16 bands of 5: a pair of Jaccard similarity s meets in some band with probability 1 − (1 − s⁵)¹⁶, which is 99.8% at
// 0.8 and 15% at 0.4; what meets is then compared by whole signatures, which takes the latter out.
const bands = 16
const rows = 5
const signatureLength = bands * rows
const shingleLength = 5

/** Signatures agree in this share or more: between 0.4 and 0.8, nearer the upper so that few unlike pairs pass. */
const threshold = 0.66

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

/** Tells texts of which a much alike one came before. Keeps of each new text its signature and its bands: 288 to 416 bytes. */
export class NearDuplicates {
  private signatures = new Uint16Array(1024 * signatureLength)
  /** By band and hash: the number of the first text with that band, from 1; 0 is an empty place. */
  private tables = emptyTables(2048)
  private size = 0

  /** Whether a text much like this one came before; if not, this one counts from now on. */
  isDuplicate(text: string): boolean {
    const signature = minHash(text)
    for (let band = 0; band < bands; band++) {
      const number = this.tables[band]![this.placeOf(signature, band)]!
      if (number > 0 && similarity(signature, this.signature(number - 1)) >= threshold) return true
    }
    this.add(signature)
    return false
  }

  private signature(index: number): Uint16Array {
    return this.signatures.subarray(index * signatureLength, (index + 1) * signatureLength)
  }

  private add(signature: Uint16Array): void {
    if ((this.size + 1) * signatureLength > this.signatures.length) {
      const larger = new Uint16Array(this.signatures.length * 2)
      larger.set(this.signatures)
      this.signatures = larger
    }
    this.signatures.set(signature, this.size * signatureLength)
    this.enter(this.size++)
    if (this.size * 2 > this.tables[0]!.length) {
      this.tables = emptyTables(this.tables[0]!.length * 2)
      for (let index = 0; index < this.size; index++) this.enter(index)
    }
  }

  /** Enters a text under its bands; where an earlier one has the same band, that one stays. */
  private enter(index: number): void {
    const signature = this.signature(index)
    for (let band = 0; band < bands; band++) {
      const table = this.tables[band]!
      const place = this.placeOf(signature, band)
      if (table[place] === 0) table[place] = index + 1
    }
  }

  /** The place of a band's text in its table, or the empty place where it would go. */
  private placeOf(signature: Uint16Array, band: number): number {
    const table = this.tables[band]!
    const mask = table.length - 1
    const from = band * rows
    let hash = band
    for (let i = from; i < from + rows; i++) hash = mixBits(hash ^ signature[i]!)
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const number = table[place]!
      if (number === 0) return place
      const other = (number - 1) * signatureLength
      let i = from
      while (i < from + rows && this.signatures[other + i] === signature[i]) i++
      if (i === from + rows) return place
    }
  }
}

const emptyTables = (length: number): Uint32Array[] => Array.from({ length: bands }, () => new Uint32Array(length))
