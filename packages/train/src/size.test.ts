import { countParams, parseConfig } from '@modu/model'
import { expect, test } from 'vitest'
import { parseRecipe } from './recipe.ts'
import { sizedModel, sizedRecipe } from './size.ts'
import { testRecipe } from './testRecipe.ts'

const recipe = parseRecipe({
  ...testRecipe,
  tokenizer: { ...testRecipe.tokenizer, vocabSize: 8192 },
  pretrain: {
    ...testRecipe.pretrain,
    steps: 100,
    decaySteps: 20,
    laterMixtures: [{ fromStep: 50, mixture: { chats: 1 } }],
  },
  finetune: { ...testRecipe.finetune, steps: 100 },
})

test('size 6 has the shape of nano and its learning rate', () => {
  expect(sizedModel(6)).toMatchObject({
    hidden_size: 256,
    intermediate_size: 768,
    num_hidden_layers: 6,
    num_attention_heads: 8,
    moe_intermediate_size: 128,
    n_routed_experts: 16,
    q_lora_rank: 128,
    kv_lora_rank: 64,
  })
  const { pretrain, name } = sizedRecipe(recipe, 6)
  expect(name).toBe('test-6')
  expect(pretrain!.learningRate).toBe(0.002)
  expect(pretrain!.batchRows * pretrain!.sequenceLength).toBe(2048)
  // Half of 20 tokens for each of 3.3M parameters: the other half is fine-tuning's.
  expect(pretrain!.steps * 2048).toBeGreaterThan(32e6)
  expect(pretrain!.steps * 2048).toBeLessThan(34e6)
})

test('every size is a valid recipe whose course keeps its proportions', () => {
  let parameters = 0
  for (let n = 2; n <= 24; n++) {
    const sized = parseRecipe(JSON.parse(JSON.stringify(sizedRecipe(recipe, n))))
    const config = parseConfig({ ...sized.model, vocab_size: 8192 })
    const { total } = countParams(config)
    expect(total).toBeGreaterThan(parameters)
    parameters = total
    const { steps, decaySteps, laterMixtures } = sized.pretrain!
    expect(decaySteps! / steps).toBeCloseTo(0.2, 2)
    expect(laterMixtures[0]!.fromStep / steps).toBeCloseTo(0.5, 2)
    expect(sized.finetune!.steps).toBe(steps)
    expect(sized.finetune!.learningRate / sized.pretrain!.learningRate).toBeCloseTo(0.5, 2)
  }
})

test('a recipe that makes no new A.X K1 is refused', () => {
  expect(() => sizedRecipe({ ...recipe, pretrain: undefined }, 6)).toThrow('--size makes a new A.X K1')
  expect(() => sizedRecipe({ ...recipe, model: undefined }, 6)).toThrow('--size makes a new A.X K1')
})
