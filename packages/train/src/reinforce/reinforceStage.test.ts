import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCpuDevice } from '@modu/engine'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMetrics } from '../metrics.ts'
import { testRecipe } from '../testRecipe.ts'
import { train } from '../train.ts'

const recipe = {
  ...testRecipe,
  sources: { exercises: { format: 'exercises', license: 'Apache-2.0', kinds: ['counting'], count: 300 } },
  tokenizer: { vocabSize: 340, sources: { exercises: 50_000 } },
  model: { ...testRecipe.model, max_position_embeddings: 256 },
  pretrain: undefined,
  finetune: { ...testRecipe.finetune, steps: 60, mixture: { exercises: 1 }, learningRate: 0.02, maxLength: 256 },
  reinforce: {
    steps: 4,
    kinds: { counting: 1 },
    questions: 6,
    answers: 8,
    maxTokens: 100,
    updates: 2,
    klWeight: 0.05,
    learningRate: 0.001,
    microTokens: 512,
    heldOutQuestions: 3,
  },
  validation: { everySteps: 100, tokensPerSource: 64 },
  samples: { everySteps: 100, maxTokens: 4, texts: [], questions: [] },
  checkpointEverySteps: 100,
}

const device = createCpuDevice({ threads: 2 })
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-reinforce-'))
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify(recipe))
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await device.close()
})

/** Trains, and is stopped after step `stopAt`. */
function run(name: string, stopAt?: number) {
  const stop = new AbortController()
  return train(join(folder, 'recipe.json'), {
    device,
    runFolder: join(folder, name),
    signal: stop.signal,
    onProgress: event => {
      if (event.kind === 'step' && event.metrics.step === stopAt) stop.abort()
    },
  })
}

test('a stopped run goes on bit for bit, held to the model that the stage began with', async () => {
  await run('stopped', 60)
  cpSync(join(folder, 'stopped'), join(folder, 'whole'), { recursive: true })
  const whole = await run('whole')
  expect((await run('stopped', 62)).model).toBeUndefined()
  const resumed = await run('stopped')
  const weights = (model: string) => readFileSync(join(model, 'model.safetensors'))
  expect(weights(resumed.model!).equals(weights(whole.model!))).toBe(true)

  const metrics = readMetrics(join(folder, 'stopped', 'metrics.jsonl')).filter(line => line.stage === 'reinforce')
  const steps = metrics.filter(line => line.kind === 'step')
  expect(steps.map(({ step }) => step)).toEqual([61, 62, 63, 64])
  for (const { measures, countedTokens } of steps) {
    expect(measures!['reward counting']).toBe(measures!.reward)
    expect(measures!.answerTokens).toBeGreaterThan(1)
    expect(measures!.skippedGroups === 6).toBe(countedTokens === 0)
  }
  // Unless the weights have not moved, they lie apart from the reference.
  expect(steps.some(({ measures }) => measures!.kl! > 0)).toBe(true)
  const validations = metrics.filter(line => line.kind === 'validation')
  expect(validations.map(({ step }) => step)).toEqual([60, 64])
  expect(Object.keys(validations[0]!.accuracy!)).toEqual(['thinking', 'thinking counting', 'direct', 'direct counting'])
}, 180_000)
