import { createReferenceDevice } from '@modu/engine'
import { createModel, parseConfig, Tokenizer, tokenizerConfig, trainTokenizer } from '@modu/model'
import { expect, test } from 'vitest'
import { testRecipe } from './testRecipe.ts'
import { tokenBytes, validate } from './validation.ts'

test('bits per byte: the nats of the labels over the bytes they spell', async () => {
  const json = await trainTokenizer(['가나다 가나다 라마'], { vocabularySize: 276 })
  const tokenizer = new Tokenizer(json, tokenizerConfig(json, 64))
  const bytes = tokenBytes(tokenizer)
  const text = '가나다 라'
  const ids = Int32Array.from([tokenizer.bosId!, ...tokenizer.encodePlain(text), tokenizer.eosId!])
  expect([...ids].reduce((sum, id) => sum + bytes[id]!, 0)).toBe(Buffer.byteLength(text))

  const model = createModel(parseConfig({ ...testRecipe.model, vocab_size: 276 }), createReferenceDevice(), { seed: 1 })
  const labels = Int32Array.of(-100, ...ids.slice(1))
  const batch = { ids, labels, starts: Int32Array.of(0, ids.length), counted: ids.length - 1 }
  const nats = model.loss(ids, ids, 1).reals[0]! * batch.counted
  const expected = nats / Math.LN2 / Buffer.byteLength(text)
  // The same text twice change nothing: it is a mean.
  const { one, two } = validate(model, { one: [batch], two: [batch, batch] }, bytes)
  expect(one).toBeCloseTo(expected, 10)
  expect(two).toBeCloseTo(expected, 10)
})
