import { expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { constants, testOperation } from '../testing.ts'
import { scoreEntropies } from './scoreEntropies.ts'

testOperation('scoreEntropies', {
  shapes: [
    [1, 1, 1],
    [5, 8, 3],
    [7, 13, 30],
    [33, 192, 100],
  ],
  gradientShapes: [],
  make: ([rows, count, spread], random) => ({
    inputs: {
      logits: constants(
        Array.from({ length: rows! * count! }, () => (2 * random() - 1) * spread!),
        [rows!, count!],
      ),
    },
    run: ({ logits }) => scoreEntropies(logits!),
  }),
})

test('ln of the number of equal scores', () => {
  const logits = createReferenceDevice().from([2, 2, 2, 2, 3, -80, 3, -80], [2, 4])
  const [all, two] = scoreEntropies(logits).reals
  expect(all).toBeCloseTo(Math.log(4), 12)
  expect(two).toBeCloseTo(Math.log(2), 12)
})
