import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCpuDevice, createReferenceDevice, type Precision } from '@modu/engine'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StageName } from './recipe.ts'
import { train } from './train.ts'

const recipes = join(import.meta.dirname, '../../../recipes')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-precision-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Of each stage. */
const steps = 30
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

/** Writes recipes/tiny.json with fewer steps and a smaller tokenizer; returns its path. */
function shortRecipe(precision: Precision): string {
  const recipe = JSON.parse(readFileSync(join(recipes, 'tiny.json'), 'utf8'))
  recipe.precision = precision
  recipe.tokenizer = { vocabSize: 600, sources: { stories: 50_000, hello: 50_000 } }
  recipe.pretrain.steps = recipe.finetune.steps = steps
  // At the recipe's own rates so short a run is chaotic: any rounding leads it elsewhere.
  recipe.pretrain.learningRate = recipe.finetune.learningRate = 0.001
  // At the recipe's own rate both wander more from step to step than rounding does.
  recipe.pretrain.learningRate = recipe.finetune.learningRate = 0.001
  recipe.validation.everySteps = recipe.samples.everySteps = 2 * steps
  recipe.samples.questions = recipe.samples.texts = []
  const path = join(folder, `${precision}.json`)
  writeFileSync(path, JSON.stringify(recipe))
  return path
}

test('the loss in bf16 stays within 1 % of the loss in float32', { timeout: 240_000 }, async () => {
  const losses = async (precision: Precision) => {
    const device = createCpuDevice({ threads: 2, precision })
    const curve: Record<StageName, number[]> = { pretrain: [], finetune: [], reinforce: [] }
    await train(shortRecipe(precision), {
      device,
      runFolder: join(folder, precision),
      dataDirectory: join(recipes, 'data'),
      onProgress: event => {
        if (event.kind === 'step') curve[event.metrics.stage].push(event.metrics.loss)
      },
    })
    await device.close()
    return curve
  }
  const [exact, rounded] = [await losses('float32'), await losses('bf16')]
  // Single steps wander further apart: a rounded number can send a token to another expert.
  for (const stage of ['pretrain', 'finetune'] as const) {
    expect(rounded[stage].length).toBe(steps)
    expect(rounded[stage]).not.toEqual(exact[stage])
    expect(Math.abs(mean(rounded[stage]) / mean(exact[stage]) - 1), stage).toBeLessThan(0.01)
  }
})

test('a device of another precision is refused', async () => {
  await expect(train(shortRecipe('bf16'), { device: createReferenceDevice() })).rejects.toThrow(
    'the recipe trains in bf16, but the device multiplies in float32',
  )
})
