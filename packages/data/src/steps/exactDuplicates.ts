import { createHash } from 'node:crypto'
import { Fingerprints } from './fingerprints.ts'

/** Tells texts that came before, up to letter case and spaces; keeps 64 bits of SHA-256 of each. */
export class ExactDuplicates {
  private readonly seen = new Fingerprints()

  /** Whether this text came before; from now on it has. */
  isDuplicate(text: string): boolean {
    const digest = createHash('sha256').update(text.toLowerCase().replace(/\s+/g, '')).digest()
    return !this.seen.add(digest.readUInt32LE(0), digest.readUInt32LE(4))
  }
}
