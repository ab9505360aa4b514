import { hash } from 'node:crypto'

/** What duplicates are compared by: a text without spaces and letter case. */
export const lettersOf = (text: string): string => text.toLowerCase().replace(/\s+/g, '')

/** 64 bits of the SHA-256 of `letters` (of `lettersOf`), in two words. */
export function fingerprint(letters: string): readonly [high: number, low: number] {
  const digest = hash('sha256', letters, 'buffer')
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}
