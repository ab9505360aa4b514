import { createReferenceDevice } from '@modu/engine'
import { checkSampling, copyModel, createModel, parseConfig, Random, Sampler, setTrainable } from '@modu/model'
import { expect, test } from 'vitest'
import { Optimizer } from '../optimizer.ts'
import { testRecipe } from '../testRecipe.ts'
import { advantagesOf } from './advantages.ts'
import type { Answer } from './answerBatches.ts'
import { answerBatches } from './answerBatches.ts'
import { type LearnSettings, learn, logProbabilities, policyGradient } from './learn.ts'
import { policyLoss } from './policyLoss.ts'
import { Rollout } from './rollout.ts'

const vocabulary = 12

function tinyLearner(seed: number) {
  const config = parseConfig({ ...testRecipe.model, vocab_size: vocabulary, eos_token_id: 0, initializer_range: 0.3 })
  const model = createModel(config, createReferenceDevice(), { seed })
  setTrainable(model)
  return { model, reference: copyModel(model), optimizer: new Optimizer(model.device, model.parameters) }
}

const settings: LearnSettings = {
  updates: 1,
  microTokens: 20,
  temperature: 1,
  clipRange: 0.2,
  klWeight: 0.02,
  clipNorm: 1,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0,
}

const prompts = [
  [1, 2, 3],
  [4, 5],
]

/** Groups of answers that the policy draws to two prompts, and their mean reward. */
async function drawGroups(rollout: Rollout, step: number, answers: number, reward: (ids: readonly number[]) => number) {
  const requests = prompts.map((prompt, q) => ({
    prompt,
    samplers: Array.from(
      { length: answers },
      (_, a) => new Sampler(checkSampling(), new Random(1000 * step + 100 * q + a)),
    ),
  }))
  const replies = await rollout.replies(requests)
  const rewards = replies.map(group => group.map(({ ids }) => reward(ids)))
  const groups = rewards.flatMap((scores, q): Answer[][] => {
    const advantages = advantagesOf(scores)
    const answer = (ids: readonly number[], a: number) => ({ prompt: prompts[q]!, ids, advantage: advantages![a]! })
    return advantages ? [replies[q]!.map(({ ids }, a) => answer(ids, a))] : []
  })
  return { groups, reward: rewards.flat().reduce((a, b) => a + b) / rewards.flat().length }
}

test('reward rises where it can be learnt: answers of even tokens', async () => {
  const learner = tinyLearner(3)
  const rollout = new Rollout(learner.model, 4, new Set([0]))
  const even = (ids: readonly number[]) => Number(ids.every(id => id % 2 === 0))
  const course: number[] = []
  for (let step = 0; step < 25; step++) {
    const { groups, reward } = await drawGroups(rollout, step, 16, even)
    course.push(reward)
    learn(learner, groups, 2 * step + 1, 0.01, { ...settings, updates: 2 })
  }
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length
  expect(mean(course.slice(0, 3))).toBeLessThan(0.4)
  expect(mean(course.slice(-3))).toBeGreaterThan(0.85)
})

test('the gradient is that of finite differences of the whole objective', async () => {
  const { model, reference } = tinyLearner(5)
  const { groups } = await drawGroups(new Rollout(model, 5, new Set([0])), 0, 4, ids => ids[0]! % 3)
  const temperature = 0.7
  const batches = answerBatches(groups.flat(), 20).map(batch => ({
    batch,
    old: logProbabilities(model, batch, temperature),
    reference: logProbabilities(reference, batch, temperature),
  }))
  // Away from the weights that drew the answers, so that ratios are not 1 and some are clipped.
  const random = new Random(2)
  for (const parameter of model.parameters.values())
    for (let i = 0; i < parameter.size; i++) parameter.reals[i]! += 0.05 * random.normal()

  const objective = () => {
    const losses = batches.flatMap(({ batch, old, reference }) => {
      const now = logProbabilities(model, batch, temperature)
      return [...batch.labels.keys()].flatMap(t => {
        const token = { advantage: batch.advantages[t]!, old: old[t]!, reference: reference[t]! }
        return batch.labels[t] === -100 ? [] : [policyLoss(now[t]!, token, settings).loss]
      })
    })
    return losses.reduce((a, b) => a + b) / losses.length
  }

  const measured = policyGradient(model, batches, { ...settings, temperature })
  expect(measured.loss).toBeCloseTo(objective(), 10)
  expect(measured.clipped).toBeGreaterThan(0.1)
  expect(measured.clipped).toBeLessThan(0.9)
  expect(measured.kl).toBeGreaterThan(0.001)
  const eps = 1e-5
  for (const [name, parameter] of model.parameters) {
    const i = random.integer(parameter.size)
    const value = parameter.reals[i]!
    const [above, below] = [eps, -eps].map(step => {
      parameter.reals[i] = value + step
      return objective()
    })
    parameter.reals[i] = value
    expect(parameter.grad!.reals[i], name).toBeCloseTo((above! - below!) / (2 * eps), 7)
  }
})
