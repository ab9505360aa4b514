import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ModelError } from './errors.ts'
import { readSafetensors, SafetensorsFile, toBfloat16, writeSafetensors } from './safetensors.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-safetensors-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A file with this header (text or object) and this many bytes of data. */
function file(header: unknown, dataBytes: number, announced?: number): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(announced ?? text.length))
  const path = join(folder, 'made.safetensors')
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]))
  return path
}

function bytes(contents: string): string {
  const path = join(folder, 'short.safetensors')
  writeFileSync(path, contents)
  return path
}

const refusal = (path: string): ModelError => {
  try {
    new SafetensorsFile(path).close()
  } catch (error) {
    if (error instanceof ModelError) return error
    throw error
  }
  throw new Error('expected a refusal')
}

const f32 = (from: number, to: number, shape = [(to - from) / 4]) => ({ dtype: 'F32', shape, data_offsets: [from, to] })

describe('writing and reading', () => {
  test('gives back names, shapes and elements', () => {
    const path = join(folder, 'all.safetensors')
    writeSafetensors(path, [
      { name: 'b', dtype: 'BF16', shape: [3], data: [1, -2.5, Math.PI] },
      { name: 'a', dtype: 'F32', shape: [2, 2], data: new Float64Array([1, 0.1, 3, -0]) },
      { name: 'i', dtype: 'I32', shape: [2], data: Int32Array.of(-5, 7) },
      { name: 'd', dtype: 'F64', shape: [], data: () => [0.1] },
      { name: 'empty', dtype: 'F32', shape: [0, 4], data: [] },
    ])
    const tensors = readSafetensors(path)
    expect(tensors.get('a')).toEqual({ shape: [2, 2], data: Float32Array.of(1, 0.1, 3, -0) })
    expect([...tensors.get('b')!.data]).toEqual([1, -2.5, 3.140625])
    expect(tensors.get('i')).toEqual({ shape: [2], data: Int32Array.of(-5, 7) })
    expect(tensors.get('d')).toEqual({ shape: [], data: Float64Array.of(0.1) })
    expect(tensors.get('empty')!.data).toHaveLength(0)
  })

  test('writes the layout that others expect: padded header, larger elements first, pt', () => {
    const path = join(folder, 'layout.safetensors')
    writeSafetensors(path, [
      { name: 'small', dtype: 'BF16', shape: [1], data: [1] },
      { name: 'z', dtype: 'F32', shape: [1], data: [1] },
    ])
    const bytes = readFileSync(path)
    const length = Number(bytes.readBigUInt64LE())
    expect(length % 8).toBe(0)
    expect(bytes.length).toBe(8 + length + 6)
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString())
    expect(header).toEqual({
      __metadata__: { format: 'pt' },
      z: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
      small: { dtype: 'BF16', shape: [1], data_offsets: [4, 6] },
    })
  })

  test('pieces of a large tensor join without a seam', () => {
    const path = join(folder, 'large.safetensors')
    const data = Float32Array.from({ length: (1 << 20) + 17 }, (_, i) => i)
    writeSafetensors(path, [{ name: 'x', dtype: 'F32', shape: [data.length], data }])
    expect(readSafetensors(path).get('x')!.data).toEqual(data)
  })

  test('bfloat16 rounds to nearest, ties to even, and keeps NaN and infinities', () => {
    const cases: [number, number][] = [
      [0x3f800000, 0x3f80],
      [0x3f808000, 0x3f80],
      [0x3f818000, 0x3f82],
      [0x3f808001, 0x3f81],
      [0x7f7fffff, 0x7f80],
      [0x7f800000, 0x7f80],
      [0xff800000, 0xff80],
      [0x7f800001, 0x7fc0],
      [0x80000001, 0x8000],
    ]
    const bits = Uint32Array.from(cases, ([input]) => input)
    expect([...toBfloat16(new Float32Array(bits.buffer))]).toEqual(cases.map(([, output]) => output))
  })

  test('float16 and 64-bit integers can be read; integers too large for 32 bits are named', () => {
    const header = {
      h: { dtype: 'F16', shape: [2], data_offsets: [0, 4] },
      n: { dtype: 'I64', shape: [1], data_offsets: [4, 12] },
    }
    const path = file(header, 12)
    const bytes = readFileSync(path)
    bytes.writeUInt16LE(0x3c00, bytes.length - 12)
    bytes.writeUInt16LE(0xc100, bytes.length - 10)
    bytes.writeBigInt64LE(-3n, bytes.length - 8)
    writeFileSync(path, bytes)
    expect([...readSafetensors(path).get('h')!.data]).toEqual([1, -2.5])
    expect(readSafetensors(path).get('n')!.data).toEqual(Int32Array.of(-3))
    bytes.writeBigInt64LE(2n ** 40n, bytes.length - 8)
    writeFileSync(path, bytes)
    expect(() => readSafetensors(path)).toThrow(/"n" holds 1099511627776/)
  })

  test('a wrong number of elements leaves no file', () => {
    const path = join(folder, 'wrong.safetensors')
    expect(() => writeSafetensors(path, [{ name: 'x', dtype: 'F32', shape: [3], data: [1] }])).toThrow(/"x" has 1/)
    expect(() => readFileSync(path)).toThrow()
  })

  test('a tensor that is not there, and a type that cannot be computed with', () => {
    const opened = new SafetensorsFile(file({ q: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } }, 4))
    expect(() => opened.read('x')).toThrow(/has no tensor "x"/)
    expect(() => opened.read('q')).toThrow(/"q" has the type U8/)
    opened.close()
  })
})

describe('a damaged file', () => {
  test.each<[string, () => string, RegExp]>([
    ['too short', () => bytes('abc'), /ends after 3 bytes/],
    ['truncated header', () => file('{"a": {', 0, 5000), /ends inside the header \(5000 bytes announced, 7 there\)/],
    ['absurd header length', () => file('{}', 0, 2 ** 50), /header would be 1125899906842624 bytes/],
    ['not JSON', () => file('{"a": ', 0), /header is not JSON/],
    ['not an object', () => file('[]', 0), /header is not an object/],
    ['truncated data', () => file({ w: f32(0, 16) }, 10), /tensor "w" ends at byte \d+, the file at \d+/],
    ['wrong size', () => file({ w: f32(0, 16, [5]) }, 16), /tensor "w" takes 16 bytes, but \[5\] of F32 takes 20/],
    ['overlap', () => file({ v: f32(0, 8), w: f32(4, 12) }, 12), /tensor "w" overlaps/],
    ['gap', () => file({ v: f32(0, 8), w: f32(12, 16) }, 16), /4 bytes before tensor "w"/],
    ['extra bytes', () => file({ v: f32(0, 8) }, 12), /last 4 bytes belong to no tensor/],
    ['unknown dtype', () => file({ v: { ...f32(0, 8), dtype: 'F3' } }, 8), /tensor "v" has the unknown dtype "F3"/],
    ['prototype dtype', () => file({ v: { ...f32(0, 8), dtype: 'toString' } }, 8), /unknown dtype/],
    ['negative shape', () => file({ v: { ...f32(0, 8), shape: [-2] } }, 8), /tensor "v" has the shape \[-2\]/],
    ['no offsets', () => file({ v: { dtype: 'F32', shape: [2] } }, 8), /tensor "v" has the data_offsets/],
    ['no entry', () => file({ v: 3 }, 0), /tensor "v" has no entry/],
    ['bad metadata', () => file({ __metadata__: { n: 3 } }, 0), /__metadata__/],
    ['a name twice', () => file('{"w": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "w" : {}}', 1), /"w" twice/],
  ])('%s', (_, make, message) => {
    const path = make()
    const error = refusal(path)
    expect(error.code).toBe('format')
    expect(error.message).toMatch(message)
    expect(error.message).toContain(path)
  })

  test('a file that does not exist', () => {
    expect(refusal(join(folder, 'none.safetensors')).code).toBe('missing')
  })
})
