// Wraps machine code as a shared object that the system's loader opens: ELF64 for x86-64, by the System V ABI.
// One segment for each kind of access, so that nothing is ever writable and executable at once: what the loader reads
// (headers, symbols), the code with its constants, and the dynamic section, which older loaders relocate in place and
// then, told by PT_GNU_RELRO, make read-only.

/** A function in the code that can be looked up by name; it reaches to the next one. */
export interface CodeSymbol {
  readonly name: string
  /** Bytes from the start of the code. */
  readonly offset: number
}

// Values of the specification, under their names there.
const ET_DYN = 3
const EM_X86_64 = 62
const PT = { LOAD: 1, DYNAMIC: 2, GNU_STACK: 0x6474_e551, GNU_RELRO: 0x6474_e552 }
const PF = { R: 4, W: 2, X: 1 }
const SHT = { PROGBITS: 1, STRTAB: 3, HASH: 5, DYNAMIC: 6, DYNSYM: 11 }
const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4 }
const DT = { NULL: 0, HASH: 4, STRTAB: 5, SYMTAB: 6, STRSZ: 10, SYMENT: 11, SONAME: 14 }
const STB_GLOBAL = 1
const STT_FUNC = 2

const pageBytes = 4096
const headerBytes = 64
const segmentBytes = 56
const sectionBytes = 64
const symbolBytes = 24
const dynamicEntryBytes = 16

/** Number of the section with the code, see `sections` below; 0 is nobody. */
const textNumber = 4

/** A piece of the file. Addresses in memory equal offsets in the file. */
interface Section {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly at: number
  readonly bytes: Uint8Array
  /** Number of the section that this one's entries refer to. */
  readonly link?: number
  /** For symbols: the number of the first global one. */
  readonly info?: number
  readonly entryBytes?: number
}

interface Segment {
  readonly type: number
  readonly flags: number
  readonly at: number
  readonly bytes: number
  readonly alignment: number
}

/**
 * A shared object around position-independent `code`, whose `symbols`, in the order of their offsets, can be looked up.
 * `soname` names it for people and tools.
 */
export function sharedObject(code: Uint8Array, symbols: readonly CodeSymbol[], soname: string): Uint8Array {
  const symbolNames = symbols.map(symbol => symbol.name)
  const names = stringTable([soname, ...symbolNames])
  const hash = hashTable(symbolNames)

  const segmentCount = 6
  const hashAt = headerBytes + segmentCount * segmentBytes
  const symbolsAt = align(hashAt + hash.length, 8)
  const namesAt = symbolsAt + symbolBytes * (symbols.length + 1)
  const readableEnd = namesAt + names.bytes.length
  const codeAt = align(readableEnd, pageBytes)
  const dynamicAt = align(codeAt + code.length, pageBytes)

  const dynamic = joined([
    fields([8, DT.SONAME], [8, names.at(soname)]),
    fields([8, DT.HASH], [8, hashAt]),
    fields([8, DT.STRTAB], [8, namesAt]),
    fields([8, DT.SYMTAB], [8, symbolsAt]),
    fields([8, DT.STRSZ], [8, names.bytes.length]),
    fields([8, DT.SYMENT], [8, symbolBytes]),
    fields([8, DT.NULL], [8, 0]),
  ])
  const segments: readonly Segment[] = [
    { type: PT.LOAD, flags: PF.R, at: 0, bytes: readableEnd, alignment: pageBytes },
    { type: PT.LOAD, flags: PF.R | PF.X, at: codeAt, bytes: code.length, alignment: pageBytes },
    { type: PT.LOAD, flags: PF.R | PF.W, at: dynamicAt, bytes: dynamic.length, alignment: pageBytes },
    { type: PT.DYNAMIC, flags: PF.R | PF.W, at: dynamicAt, bytes: dynamic.length, alignment: 8 },
    { type: PT.GNU_RELRO, flags: PF.R, at: dynamicAt, bytes: pageBytes, alignment: 1 },
    { type: PT.GNU_STACK, flags: PF.R | PF.W, at: 0, bytes: 0, alignment: 16 },
  ]

  const symbolTable = joined([
    new Uint8Array(symbolBytes),
    ...symbols.map(({ name, offset }, i) => {
      const size = (symbols[i + 1]?.offset ?? code.length) - offset
      const info = (STB_GLOBAL << 4) | STT_FUNC
      return fields([4, names.at(name)], [1, info], [1, 0], [2, textNumber], [8, codeAt + offset], [8, size])
    }),
  ])
  const readable = SHF.ALLOC
  const executable = SHF.ALLOC | SHF.EXECINSTR
  const writable = SHF.ALLOC | SHF.WRITE
  const sections: readonly Section[] = [
    { name: '.hash', type: SHT.HASH, flags: readable, at: hashAt, bytes: hash, link: 2, entryBytes: 4 },
    {
      name: '.dynsym',
      type: SHT.DYNSYM,
      flags: readable,
      at: symbolsAt,
      bytes: symbolTable,
      link: 3,
      info: 1,
      entryBytes: symbolBytes,
    },
    { name: '.dynstr', type: SHT.STRTAB, flags: readable, at: namesAt, bytes: names.bytes },
    { name: '.text', type: SHT.PROGBITS, flags: executable, at: codeAt, bytes: code },
    {
      name: '.dynamic',
      type: SHT.DYNAMIC,
      flags: writable,
      at: dynamicAt,
      bytes: dynamic,
      link: 3,
      entryBytes: dynamicEntryBytes,
    },
  ]
  return elfFile(segments, sections)
}

/** The whole file: header, segment headers, sections where they belong, then their names and their headers. */
function elfFile(segments: readonly Segment[], loaded: readonly Section[]): Uint8Array {
  const names = stringTable([...loaded.map(({ name }) => name), '.shstrtab'])
  const last = loaded.at(-1)!
  const namesAt = last.at + last.bytes.length
  const sections = [...loaded, { name: '.shstrtab', type: SHT.STRTAB, flags: 0, at: namesAt, bytes: names.bytes }]
  const sectionsAt = align(namesAt + names.bytes.length, 8)
  const sectionHeaders = joined([
    new Uint8Array(sectionBytes),
    ...sections.map(section => sectionHeader(section, names.at(section.name))),
  ])
  const counts = { segments: segments.length, sections: sections.length + 1 }
  const headers = [fileHeader(sectionsAt, counts.segments, counts.sections), ...segments.map(segmentHeader)]
  const bytes = new Uint8Array(sectionsAt + sectionHeaders.length)
  bytes.set(joined(headers))
  for (const section of sections) bytes.set(section.bytes, section.at)
  bytes.set(sectionHeaders, sectionsAt)
  return bytes
}

const fileHeader = (sectionsAt: number, segmentCount: number, sectionCount: number): Uint8Array =>
  joined([
    // Magic number, 64 bits, little endian, version 1, System V.
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    fields([2, ET_DYN], [2, EM_X86_64], [4, 1]),
    // Entry point (none), where the headers of segments and sections begin, flags.
    fields([8, 0], [8, headerBytes], [8, sectionsAt], [4, 0]),
    fields([2, headerBytes], [2, segmentBytes], [2, segmentCount]),
    fields([2, sectionBytes], [2, sectionCount], [2, sectionCount - 1]),
  ])

const segmentHeader = ({ type, flags, at, bytes, alignment }: Segment): Uint8Array =>
  fields([4, type], [4, flags], [8, at], [8, at], [8, at], [8, bytes], [8, bytes], [8, alignment])

const sectionHeader = (section: Section, nameAt: number): Uint8Array => {
  const { type, flags, at, bytes, link = 0, info = 0, entryBytes = 0 } = section
  const address = flags & SHF.ALLOC ? at : 0
  return joined([
    fields([4, nameAt], [4, type], [8, flags], [8, address], [8, at], [8, bytes.length]),
    fields([4, link], [4, info], [8, at & -at], [8, entryBytes]),
  ])
}

/** `.hash`: the chains of symbols by their names' hashes; symbol 0 is nobody. */
function hashTable(names: readonly string[]): Uint8Array {
  const buckets = new Array<number>(Math.max(1, names.length)).fill(0)
  const chains = new Array<number>(names.length + 1).fill(0)
  for (const [i, name] of names.entries()) {
    const bucket = elfHash(name) % buckets.length
    chains[i + 1] = buckets[bucket]!
    buckets[bucket] = i + 1
  }
  const words = [buckets.length, chains.length, ...buckets, ...chains]
  return joined(words.map(word => fields([4, word])))
}

/** The hash of the System V ABI, figure 5-13. */
function elfHash(name: string): number {
  let hash = 0
  for (const byte of Buffer.from(name)) {
    hash = (hash << 4) + byte
    hash = (hash ^ ((hash >>> 24) & 0xf0)) & 0x0fff_ffff
  }
  return hash
}

/** Names, each ended by a zero byte; the empty one comes first. */
function stringTable(names: readonly string[]): { bytes: Uint8Array; at(name: string): number } {
  const places = new Map<string, number>()
  let bytes = Buffer.alloc(1)
  for (const name of names) {
    places.set(name, bytes.length)
    bytes = Buffer.concat([bytes, Buffer.from(`${name}\0`)])
  }
  return { bytes, at: name => places.get(name)! }
}

/** Little-endian numbers, each with its width in bytes. */
function fields(...numbers: [width: 1 | 2 | 4 | 8, value: number][]): Uint8Array {
  const bytes = Buffer.alloc(numbers.reduce((sum, [width]) => sum + width, 0))
  let at = 0
  for (const [width, value] of numbers) {
    bytes.writeUIntLE(value, at, Math.min(width, 6))
    at += width
  }
  return bytes
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)
const align = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment
