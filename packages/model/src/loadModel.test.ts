import { createReferenceDevice } from '@modu/engine'
import { expect, test } from 'vitest'
import { copyModel, loadModel, releaseModel } from './loadModel.ts'

test('a copy computes the same, and stays as it is when the model changes', () => {
  const device = createReferenceDevice()
  const model = loadModel(new URL('../fixtures/k1-tied', import.meta.url).pathname, device)
  const copy = copyModel(model)
  const logits = (of: typeof model) => [...of.step([1, 2, 3], of.createCache(3))]
  const before = logits(model)
  expect(logits(copy)).toEqual(before)
  for (const tensor of [...model.parameters.values(), ...model.buffers.values()]) tensor.reals.fill(0.5)
  expect(logits(copy)).toEqual(before)
  expect(logits(model)).not.toEqual(before)
  releaseModel(model)
  expect(logits(copy)).toEqual(before)
})
