import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** So many characters of a secret may be shown, to tell keys apart: `modu_` and 36 of the 256 bits. */
const shown = 'modu_'.length + 6

export interface Secret {
  /** What the client sends. Shown once, never stored. */
  readonly text: string
  readonly prefix: string
  readonly hash: string
}

/** A new random secret: 256 bits. */
export function newSecret(): Secret {
  const text = `modu_${randomBytes(32).toString('base64url')}`
  return { text, prefix: prefixOf(text), hash: hashOf(text) }
}

export const prefixOf = (text: string): string => text.slice(0, shown)

/**
 * SHA-256. Slow hashes (scrypt, Argon2) and salts make up for passwords that can be guessed; among 2²²⁰ equally likely
 * keys (those bits that are not shown) nobody finds one by trying, however fast the hash, and every request has to wait for it.
 */
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Whether `text` is the secret with this hash; takes the same time wherever they differ. */
export const matches = (text: string, hash: string): boolean =>
  timingSafeEqual(Buffer.from(hashOf(text), 'hex'), Buffer.from(hash, 'hex'))
