import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ModelError } from './errors.ts'
import { systemCode, writeFileAtomic } from './files.ts'

/**
 * The safetensors format: 8 bytes with the length of the header (little-endian), the header (JSON: name → dtype, shape,
 * byte range), then the tensors' bytes, without gaps. https://github.com/huggingface/safetensors
 */

/** Bytes an element takes, by the format's names. Types we cannot compute with can still stand in a file. */
const bytesOf: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
}

/** What we write: float64, float32, bfloat16 (rounded to nearest, ties to even), 32-bit integers. */
export type WritableDType = 'F64' | 'F32' | 'BF16' | 'I32'

export interface TensorInfo {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** Byte range in the file. */
  readonly from: number
  readonly to: number
}

export interface WritableTensor {
  readonly name: string
  readonly dtype: WritableDType
  readonly shape: readonly number[]
  /** As many numbers as the shape says. Asked for when the tensor is written, so it may be made then. */
  readonly data: ArrayLike<number> | (() => ArrayLike<number>)
}

type Target = Float64Array | Float32Array | Int32Array

const maxHeader = 100_000_000
/** Elements converted at once: bounds the memory that reading and writing need beside the tensors. */
const pieceElements = 1 << 20

/** A safetensors file, of which only the header is read at first; tensors are read by byte range when asked for. */
export class SafetensorsFile {
  readonly path: string
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly metadata: Readonly<Record<string, string>>
  private readonly descriptor: number

  /** Opens and checks the header. Errors: `missing` if there is no such file, `format` if it is damaged. */
  constructor(path: string) {
    this.path = path
    try {
      this.descriptor = openSync(path, 'r')
    } catch (error) {
      const missing = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR'
      const reason = missing ? 'does not exist; check the path' : `cannot be opened: ${(error as Error).message}`
      throw new ModelError(missing ? 'missing' : 'file', `${path} ${reason}`, { cause: error })
    }
    try {
      const header = readHeader(this.descriptor, path)
      this.tensors = header.tensors
      this.metadata = header.metadata
    } catch (error) {
      closeSync(this.descriptor)
      throw error
    }
  }

  /** What the header says of a tensor; a `missing` error if it is not in the file. */
  info(name: string): TensorInfo {
    const info = this.tensors.get(name)
    if (!info) throw new ModelError('missing', `${this.path} has no tensor "${name}"; is it the right checkpoint?`)
    return info
  }

  /** A tensor's elements: Int32Array for integers, else Float32Array (Float64Array for float64). */
  read(name: string): Target {
    const info = this.info(name)
    const size = sizeOf(info)
    const integers = info.dtype === 'I64' || info.dtype === 'I32'
    const target = integers
      ? new Int32Array(size)
      : info.dtype === 'F64'
        ? new Float64Array(size)
        : new Float32Array(size)
    this.readInto(name, target)
    return target
  }

  /** Reads a tensor's elements into `target` from index `at` on, converted to its type. */
  readInto(name: string, target: Target, at = 0): void {
    const info = this.info(name)
    const bytes = bytesOf[info.dtype]!
    const size = sizeOf(info)
    const convert = readers[info.dtype]
    if (!convert || (target instanceof Int32Array && info.dtype[0] !== 'I'))
      throw new ModelError(
        'format',
        `${this.path}: tensor "${name}" has the type ${info.dtype}, which cannot be read here`,
      )
    for (let done = 0; done < size; done += pieceElements) {
      const count = Math.min(pieceElements, size - done)
      const piece = new Uint8Array(count * bytes)
      readFully(this.descriptor, piece, info.from + done * bytes, this.path)
      const values = convert(piece.buffer)
      if (values instanceof BigInt64Array) copyIntegers(values, target, at + done, `${this.path}: tensor "${name}"`)
      else target.set(values, at + done)
    }
  }

  close(): void {
    closeSync(this.descriptor)
  }
}

/** Reads everything: name → shape and elements. For small files, such as golden outputs. */
export function readSafetensors(path: string): Map<string, { shape: readonly number[]; data: Target }> {
  const file = new SafetensorsFile(path)
  try {
    return new Map([...file.tensors].map(([name, { shape }]) => [name, { shape, data: file.read(name) }]))
  } finally {
    file.close()
  }
}

const readers: Readonly<Record<string, (bytes: ArrayBuffer) => ArrayLike<number> | BigInt64Array>> = {
  F64: bytes => new Float64Array(bytes),
  F32: bytes => new Float32Array(bytes),
  F16: bytes => new Float16Array(bytes),
  BF16: bytes => {
    const upper = new Uint16Array(bytes)
    const words = new Uint32Array(upper.length)
    for (let i = 0; i < words.length; i++) words[i] = upper[i]! << 16
    return new Float32Array(words.buffer)
  },
  I64: bytes => new BigInt64Array(bytes),
  I32: bytes => new Int32Array(bytes),
}

function copyIntegers(values: BigInt64Array, target: Target, at: number, what: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i])
    if (value !== (value | 0)) throw new ModelError('format', `${what} holds ${value}, which does not fit 32 bits`)
    target[at + i] = value
  }
}

function readHeader(
  descriptor: number,
  path: string,
): { tensors: Map<string, TensorInfo>; metadata: Record<string, string> } {
  const damaged = (what: string): ModelError =>
    new ModelError('format', `${path} is not a sound safetensors file: ${what}; download or convert it again`)
  const fileSize = fstatSync(descriptor).size
  if (fileSize < 8) throw damaged(`it ends after ${fileSize} bytes, before the length of the header`)
  const prefix = new Uint8Array(8)
  readFully(descriptor, prefix, 0, path)
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true))
  if (length > maxHeader) throw damaged(`its header would be ${length} bytes long`)
  if (8 + length > fileSize)
    throw damaged(`it ends inside the header (${length} bytes announced, ${fileSize - 8} there)`)
  const bytes = new Uint8Array(length)
  readFully(descriptor, bytes, 8, path)

  let header: unknown
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    header = JSON.parse(text)
  } catch (error) {
    throw damaged(`its header is not JSON (${(error as Error).message})`)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw damaged('its header is not an object')
  const twice = repeatedKey(text)
  if (twice !== undefined) throw damaged(`its header names "${twice}" twice`)

  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>
  if (typeof metadata !== 'object' || metadata === null || Object.values(metadata).some(v => typeof v !== 'string'))
    throw damaged('its __metadata__ is not an object of strings')
  const start = 8 + length
  const infos = Object.entries(entries).map(([name, entry]) => {
    const info = parseEntry(name, entry, start)
    if (typeof info === 'string') throw damaged(`tensor "${name}" ${info}`)
    if (info.to > fileSize) throw damaged(`tensor "${name}" ends at byte ${info.to}, the file at ${fileSize}`)
    return info
  })
  let end = start
  for (const info of infos.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (info.from < end) throw damaged(`tensor "${info.name}" overlaps the one before it`)
    if (info.from > end) throw damaged(`${info.from - end} bytes before tensor "${info.name}" belong to no tensor`)
    end = info.to
  }
  if (end < fileSize) throw damaged(`the last ${fileSize - end} bytes belong to no tensor`)
  return { tensors: new Map(infos.map(info => [info.name, info])), metadata: metadata as Record<string, string> }
}

/** A tensor's entry, checked; a string says what is wrong with it. */
function parseEntry(name: string, entry: unknown, start: number): TensorInfo | string {
  if (typeof entry !== 'object' || entry === null) return 'has no entry of dtype, shape and data_offsets'
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>
  const bytes = typeof dtype === 'string' && Object.hasOwn(bytesOf, dtype) ? bytesOf[dtype] : undefined
  if (typeof dtype !== 'string' || bytes === undefined) return `has the unknown dtype ${JSON.stringify(dtype)}`
  if (!isNaturals(shape)) return `has the shape ${JSON.stringify(shape)}`
  if (!isNaturals(offsets) || offsets.length !== 2) return `has the data_offsets ${JSON.stringify(offsets)}`
  const [from, to] = offsets as [number, number]
  const expected = sizeOf({ shape }) * bytes
  if (to - from !== expected) return `takes ${to - from} bytes, but [${shape}] of ${dtype} takes ${expected}`
  return { name, dtype, shape, from: start + from, to: start + to }
}

const isNaturals = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0)

const sizeOf = ({ shape }: { shape: readonly number[] }): number => shape.reduce((product, n) => product * n, 1)

/** The first key that stands twice at the top level of valid JSON, which JSON.parse would not tell. */
function repeatedKey(json: string): string | undefined {
  const seen = new Set<string>()
  let depth = 0
  for (let i = 0; i < json.length; i++) {
    const c = json[i]
    if (c === '{' || c === '[') depth++
    else if (c === '}' || c === ']') depth--
    else if (c === '"') {
      const from = i
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++
      if (depth !== 1 || !/^\s*:/.test(json.slice(i + 1, i + 16))) continue
      const key: string = JSON.parse(json.slice(from, i + 1))
      if (seen.has(key)) return key
      seen.add(key)
    }
  }
  return undefined
}

function readFully(descriptor: number, target: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(descriptor, target, done, target.length - done, position + done)
    if (count === 0) throw new ModelError('format', `${path} ended while it was read; was it being written?`)
    done += count
  }
}

/**
 * Writes tensors to a safetensors file, atomically. Tensors are ordered by element size, then by name, so that each is
 * aligned; the header is padded to 8 bytes.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<WritableTensor>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): void {
  const sorted = [...tensors].sort(
    (a, b) => bytesOf[b.dtype]! - bytesOf[a.dtype]! || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  )
  const header: Record<string, unknown> = { __metadata__: metadata }
  let end = 0
  for (const { name, dtype, shape } of sorted) {
    const from = end
    end += sizeOf({ shape }) * bytesOf[dtype]!
    header[name] = { dtype, shape, data_offsets: [from, end] }
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true)
  head.set(json, 8)
  writeFileAtomic(path, encode(head, sorted))
}

function* encode(head: Uint8Array, tensors: readonly WritableTensor[]): Generator<Uint8Array> {
  yield head
  for (const { name, dtype, shape, data } of tensors) {
    const values = typeof data === 'function' ? data() : data
    const size = sizeOf({ shape })
    if (values.length !== size)
      throw new ModelError('shape', `tensor "${name}" has ${values.length} elements, but its shape is [${shape}]`)
    for (let from = 0; from < size; from += pieceElements)
      yield writers[dtype](slice(values, from, Math.min(from + pieceElements, size)))
  }
}

const slice = (values: ArrayLike<number>, from: number, to: number): ArrayLike<number> =>
  ArrayBuffer.isView(values)
    ? (values as Float32Array).subarray(from, to)
    : Array.from({ length: to - from }, (_, i) => values[from + i]!)

const asBytes = (array: Float64Array | Float32Array | Uint16Array | Int32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const writers: Readonly<Record<WritableDType, (values: ArrayLike<number>) => Uint8Array>> = {
  F64: values => asBytes(new Float64Array(values)),
  F32: values => asBytes(new Float32Array(values)),
  BF16: values => asBytes(toBfloat16(new Float32Array(values))),
  I32: values => asBytes(new Int32Array(values)),
}

/** The upper 16 bits of each float32, rounded to nearest, ties to even; NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const upper = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]!
    const notANumber = (b & 0x7fffffff) > 0x7f800000
    upper[i] = notANumber ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
  return upper
}
