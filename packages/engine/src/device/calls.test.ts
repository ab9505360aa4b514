import { describe, expect, test } from 'vitest'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { argumentBytes, CallWriter, numbersOf, scratchOf } from './calls.ts'
import { SharedHeap } from './memory.ts'

const example = kernel({ name: 'example', params: { x: f32s, n: i32, a: f32 }, reference() {} })
const loaded = { kernel: example, names: ['x', 'n', 'a'], code: 0x1234_5678_9abcn, taskSlots: 2 }

describe('a call in memory', () => {
  const heap = new SharedHeap()
  const block = heap.allocate(argumentBytes(loaded))
  const view = () => new DataView(heap.memory.buffer, block)
  const base = 0x7f00_ffff_ff00n
  const writer = new CallWriter(heap, base)

  test('has counters, then parameters, then scratch', () => {
    const x = { address: 64 } as Tensor
    view().setInt32(64, 7, true)
    view().setInt32(68, 8, true)
    writer.parameters(loaded, { x, n: -3, a: 0.5 }, block)
    writer.clear(2, block)
    expect([0, 4, 64, 68].map(at => view().getInt32(at, true))).toEqual([0, 0, 0, 0])
    expect(view().getBigUint64(128, true)).toBe(base + 64n)
    expect(view().getInt32(136, true)).toBe(-3)
    expect(view().getFloat32(144, true)).toBe(0.5)
  })

  test('addresses carry into the upper half', () => {
    const x = { address: 0xffff_ffc0 } as Tensor
    writer.parameters(loaded, { x, n: 0, a: 0 }, block)
    expect(view().getBigUint64(128, true)).toBe(base + 0xffff_ffc0n)
  })

  test('scratch: own after shared, both on cache lines', () => {
    const need = scratchOf({ shared: 17, perThread: 3 })
    expect(numbersOf(need, 3)).toBe(32 + 3 * 16)
    writer.scratch(loaded, need, 1024, block)
    expect(view().getBigUint64(152, true)).toBe(base + 1024n + 128n)
    expect(view().getBigUint64(160, true)).toBe(base + 1024n)
    expect(view().getInt32(168, true)).toBe(16)
  })

  test('an entry names code, arguments and threads', () => {
    const entry = heap.allocate(32)
    writer.entry(entry, loaded.code, block)
    writer.threads(entry, 3)
    const at = new DataView(heap.memory.buffer, entry)
    expect([0, 8, 16].map(offset => at.getBigUint64(offset, true))).toEqual([loaded.code, base + BigInt(block), 3n])
  })
})
