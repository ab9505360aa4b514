/**
 * The alphabet of byte-level BPE (GPT-2): every byte has a printable character of its own, so that vocabularies are
 * readable JSON. Printable Latin-1 bytes stand for themselves, the other 68 for U+0100 and up in order (a space is `Ġ`).
 */
export const charOfByte: readonly string[] = alphabet()

const byteOfChar: ReadonlyMap<string, number> = new Map(charOfByte.map((char, byte) => [char, byte]))

function alphabet(): string[] {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    return String.fromCharCode(printable ? byte : next++)
  })
}

/** The bytes that a vocabulary entry stands for, or undefined if it has a character outside the alphabet. */
export function bytesOfEntry(entry: string): Uint8Array | undefined {
  const bytes = new Uint8Array(entry.length)
  for (let i = 0; i < entry.length; i++) {
    const byte = byteOfChar.get(entry[i])
    if (byte === undefined) return undefined
    bytes[i] = byte
  }
  return bytes
}

/** The vocabulary entry that stands for these bytes. */
export const entryOfBytes = (bytes: Uint8Array): string => Array.from(bytes, byte => charOfByte[byte]).join('')
