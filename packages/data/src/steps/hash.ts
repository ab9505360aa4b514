/** Spreads the bits of a 32-bit integer (the finaliser of MurmurHash3): each bit of the result depends on all of it. */
export function mixBits(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A hash of 32 bits of the characters of `text` from `start` to `end`; another `seed`, another hash. */
export function hashText(text: string, seed: number, start = 0, end = text.length): number {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) ^ (hash >>> 15)
  return mixBits(hash)
}
