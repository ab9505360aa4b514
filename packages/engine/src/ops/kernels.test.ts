import { expect, test } from 'vitest'
import { kernels } from './kernels.ts'

test('every kernel has a name of its own', () => {
  const names = kernels.map(kernel => kernel.name)
  expect(names.length).toBeGreaterThan(20)
  expect(new Set(names).size).toBe(names.length)
})
