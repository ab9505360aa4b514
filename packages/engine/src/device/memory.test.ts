import { describe, expect, test } from 'vitest'
import { EngineError } from '../errors.ts'
import { Arena, SharedHeap } from './memory.ts'

const mebibyte = 1 << 20
const bytesAt = (heap: SharedHeap, address: number, size: number) => new Uint8Array(heap.memory.buffer, address, size)

describe('the shared heap', () => {
  test('blocks are aligned and do not overlap', () => {
    const heap = new SharedHeap()
    const blocks = [1, 64, 65, 4, 1000, 0, 4096].map(size => ({ size, address: heap.allocate(size) }))
    for (const { address, size } of blocks) {
      expect(address % 64).toBe(0)
      bytesAt(heap, address, size).fill(7)
    }
    for (const [i, a] of blocks.entries()) {
      for (const b of blocks.slice(i + 1)) expect(a.address + a.size <= b.address).toBe(true)
    }
    expect(new Set(blocks.map(({ address }) => address)).size).toBe(blocks.length)
  })

  test('a freed block is used again, zeroed, for the same size only', () => {
    const heap = new SharedHeap()
    const [a, b] = [heap.allocate(1000), heap.allocate(1000)]
    bytesAt(heap, a, 1000).fill(255)
    heap.free(a)
    const reserved = heap.reservedBytes
    expect(heap.allocate(2000)).toBeGreaterThan(b)
    const again = heap.allocate(990)
    expect(again).toBe(a)
    expect(bytesAt(heap, again, 1000).every(byte => byte === 0)).toBe(true)
    expect(heap.reservedBytes - reserved).toBe(2048)
  })

  test('grows by itself; views from before stay valid', () => {
    const heap = new SharedHeap()
    const first = heap.allocate(64)
    const view = bytesAt(heap, first, 64)
    view.fill(5)
    const before = heap.memory.buffer.byteLength
    const large = heap.allocate(8 * mebibyte)
    expect(heap.memory.buffer.byteLength).toBeGreaterThan(before)
    expect(bytesAt(heap, large, 8 * mebibyte).every(byte => byte === 0)).toBe(true)
    view[0] = 6
    expect(Array.from(bytesAt(heap, first, 2))).toEqual([6, 5])
  })

  test('says when 4 GiB are used up, and goes on', () => {
    const heap = new SharedHeap()
    const reserved = heap.reservedBytes
    const error = (() => {
      try {
        return heap.allocate(4096 * mebibyte)
      } catch (cause) {
        return cause
      }
    })()
    expect(error).toBeInstanceOf(EngineError)
    expect(error).toMatchObject({ code: 'memory', message: expect.stringContaining('one memory ends at 4096 MiB') })
    expect(heap.reservedBytes).toBe(reserved)
    expect(heap.memory.buffer.byteLength).toBeLessThan(2 * mebibyte)
    expect(bytesAt(heap, heap.allocate(100), 100).length).toBe(100)
  })

  test('refuses to free twice, or what it never gave', () => {
    const heap = new SharedHeap()
    const address = heap.allocate(10)
    heap.free(address)
    expect(() => heap.free(address)).toThrow(/address \d+ is not allocated: released twice\?/)
    expect(() => heap.free(12_345)).toThrow('12345')
  })
})

describe('the arena', () => {
  test('gives the same places in the same order after a reset', () => {
    const heap = new SharedHeap()
    const arena = new Arena(heap)
    const sizes = [100, 3 * mebibyte, 12 * mebibyte, 5, 17 * mebibyte, 64, 9 * mebibyte]
    const step = () => sizes.map(size => arena.allocate(size))
    const first = step()
    const reserved = heap.reservedBytes
    arena.reset()
    expect(step()).toEqual(first)
    expect(heap.reservedBytes).toBe(reserved)
    const places = first.map((address, i) => [address, address + sizes[i]!] as const).sort(([a], [b]) => a - b)
    for (const [i, [, end]] of places.slice(0, -1).entries()) expect(end <= places[i + 1]![0]).toBe(true)
  })

  test('a smaller step fits into what a larger one reserved', () => {
    const heap = new SharedHeap()
    const arena = new Arena(heap)
    for (const count of [40, 10, 39, 40]) {
      for (let i = 0; i < count; i++) arena.allocate(mebibyte)
      arena.reset()
    }
    expect(heap.reservedBytes).toBeLessThan(49 * mebibyte)
  })
})
