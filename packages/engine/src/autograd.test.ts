import { describe, expect, test } from 'vitest'
import { Tape } from './autograd.ts'
import { createReferenceDevice } from './device/reference.ts'

describe('where gradients go', () => {
  const device = createReferenceDevice()

  test('the first is written, all others are added', () => {
    const tape = new Tape()
    const x = device.temporary([2, 3])
    const first = tape.destination(x)
    expect(first.add).toBe(0)
    const second = tape.destination(x)
    expect(second).toEqual({ gradient: first.gradient, add: 1 })
    expect(tape.gradient(x)).toBe(first.gradient)
  })

  test('another shape of a tensor has its gradient', () => {
    const tape = new Tape()
    const x = device.temporary([2, 3])
    const { gradient, add } = tape.destination(x.reshape([6]))
    expect([gradient.shape, add]).toEqual([[6], 0])
    expect(tape.destination(x)).toMatchObject({ add: 1, gradient: { shape: [2, 3], data: gradient.data } })
  })

  test('a finished gradient is taken over by a tensor that has none', () => {
    const tape = new Tape()
    const [x, y] = [device.temporary([4]), device.temporary([2, 2])]
    const gradient = device.from([1, 2, 3, 4], [4])
    expect(tape.adopt(y, gradient)).toBe(true)
    expect(tape.gradient(y)).toMatchObject({ shape: [2, 2], data: gradient.data })
    expect(tape.adopt(y, device.from([0, 0, 0, 0], [4]))).toBe(false)
    tape.destination(x)
    expect(tape.adopt(x, gradient)).toBe(false)
  })

  test('a parameter keeps its own', () => {
    const tape = new Tape()
    const w = device.persistent([3])
    w.grad = device.persistent([3])
    expect(tape.adopt(w, device.persistent([3]))).toBe(false)
    expect(tape.destination(w)).toEqual({ gradient: w.grad, add: 1 })
  })
})
