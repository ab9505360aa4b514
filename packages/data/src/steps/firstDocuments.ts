import { mixBits } from './hash.ts'

/** A map from keys of 64 bits to the first document that came with each, in plain arrays: 24 to 48 bytes a document. */
export class FirstDocuments {
  // A key's two words and the document's number from 1; 0 is an empty place.
  private readonly table: Uint32Array
  private readonly mask: number

  /** Room for `most` documents. */
  constructor(most: number) {
    const places = 2 ** Math.ceil(Math.log2(2 * most + 2))
    this.table = new Uint32Array(3 * places)
    this.mask = places - 1
  }

  /** The document that came with this key before, or undefined; then it is `document` from now on. */
  firstWith(high: number, low: number, document: number): number | undefined {
    const { table } = this
    for (let place = mixBits(low ^ mixBits(high)) & this.mask; ; place = (place + 1) & this.mask) {
      const at = 3 * place
      if (table[at] === 0) {
        table[at] = document + 1
        table[at + 1] = high
        table[at + 2] = low
        return undefined
      }
      if (table[at + 1] === high && table[at + 2] === low) return table[at]! - 1
    }
  }
}
