import { createHash } from 'node:crypto'

/** 64 bits of SHA-256 of a text, in two words: the same for texts that differ in letter case and spaces only. */
export function fingerprint(text: string): readonly [high: number, low: number] {
  const digest = createHash('sha256').update(text.toLowerCase().replace(/\s+/g, '')).digest()
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}
