import { mixSeed } from '@modu/data'
import type { Tensor } from '@modu/engine'
import {
  checkSampling,
  copyModel,
  encodeChat,
  type LanguageModel,
  Random,
  ReplySampler,
  releaseModel,
  Sampler,
} from '@modu/model'
import { TrainError } from '../errors.ts'
import type { PreparedData } from '../prepare.ts'
import type { Stage, StageContext, StageValidation, StepResult } from '../stage.ts'
import { advantagesOf } from './advantages.ts'
import type { Answer } from './answerBatches.ts'
import { drawExercise, type Exercise } from './exercise.ts'
import { learn } from './learn.ts'
import { type Reply, type Request, Rollout } from './rollout.ts'

/**
 * Reinforcement learning from rewards that a program checks (GRPO: Shao et al. 2024, arXiv 2402.03300): several answers to
 * each of a step's questions, drawn in the thinking mode; those better than their group's mean become likelier, the others
 * less likely. The recipe has the stage `reinforce`.
 *
 * The routers' correction biases stay as they are: they were balanced over all that the model has learnt, and the few
 * kinds of questions here would pull them their way; besides, moving them changes the policy behind the back of ratio
 * and divergence.
 */
export function reinforceStage({ recipe, data, model, optimizer }: StageContext): Stage {
  const settings = recipe.reinforce!
  const { kinds, answers, maxTokens, temperature } = settings
  const reference = settings.klWeight > 0 ? copyModel(model) : undefined
  const stopIds = new Set(data.tokenizer.specialIds)
  const rollout = new Rollout(model, maxTokens, stopIds)
  const chat = new ExerciseChat(data, stopIds)

  async function step(step: number, learningRate: number): Promise<StepResult> {
    const exercises = Array.from({ length: settings.questions }, (_, q) =>
      drawExercise(kinds, 'train', recipe.seed, step, q),
    )
    const requests = exercises.map((exercise, q) => {
      const seeds = Array.from({ length: answers }, (_, a) => mixSeed('answer', recipe.seed, step, q, a))
      return chat.request(exercise, true, temperature, seeds)
    })
    const replies = await rollout.replies(requests)
    const rewards = exercises.map((exercise, q) => replies[q]!.map(reply => chat.reward(exercise, reply)))
    const groups = rewards.flatMap((scores, q): Answer[][] => {
      const advantages = advantagesOf(scores)
      const { prompt } = requests[q]!
      return advantages ? [replies[q]!.map(({ ids }, a) => ({ prompt, ids, advantage: advantages[a]! }))] : []
    })
    const learner = { model, reference, optimizer }
    const firstUpdate = step * settings.updates + 1
    const { loss, gradientNorm, countedTokens, tally, ...policy } = learn(
      learner,
      groups,
      firstUpdate,
      learningRate,
      settings,
    )
    const answerTokens = mean(replies.flat().map(({ ids }) => ids.length))
    const measures = {
      reward: mean(rewards.flat()),
      ...byKind(rewards.flatMap((scores, q) => scores.map(score => [`reward ${exercises[q]!.kind}`, score]))),
      answerTokens,
      skippedGroups: settings.questions - groups.length,
      ...(countedTokens > 0 && policy),
    }
    const tokens = answers * (answerTokens * settings.questions + sum(requests.map(({ prompt }) => prompt.length)))
    return { loss, gradientNorm, tokens, countedTokens, balance: tally.balance, loads: tally.loads, measures }
  }

  async function validate(): Promise<StageValidation> {
    const exercises = Array.from({ length: settings.heldOutQuestions }, (_, q) =>
      drawExercise(kinds, 'heldout', recipe.seed, q),
    )
    const right: [string, number][] = []
    for (const thinking of [true, false]) {
      const replies = await rollout.replies(exercises.map(exercise => chat.request(exercise, thinking, 0, [0])))
      const mode = thinking ? 'thinking' : 'direct'
      for (const [q, exercise] of exercises.entries()) {
        const reward = chat.reward(exercise, replies[q]![0]!)
        right.push([mode, reward], [`${mode} ${exercise.kind}`, reward])
      }
    }
    return { bitsPerByte: {}, accuracy: byKind(right) }
  }

  return {
    epochs: {},
    tensors: reference ? weightsOf(reference) : new Map<string, Tensor>(),
    // Every step's questions and answers depend on its number alone.
    skip() {},
    step,
    validate,
    release() {
      rollout.release()
      if (reference) releaseModel(reference)
    },
  }
}

/** Puts exercises to a model, and looks at what it replies. */
class ExerciseChat {
  private readonly data: PreparedData
  private readonly stopIds: ReadonlySet<number>

  constructor(data: PreparedData, stopIds: ReadonlySet<number>) {
    this.data = data
    this.stopIds = stopIds
  }

  /** For a reply with each of `seeds`. */
  request({ task }: Exercise, thinking: boolean, temperature: number, seeds: readonly number[]): Request {
    const { tokenizer, template } = this.data
    const tools = task.tools?.map(name => this.tool(name))
    const options = { tools, enableThinking: thinking, addGenerationPrompt: true }
    const prompt = encodeChat(tokenizer, template, [{ role: 'user', content: task.question }], options)
    const samplers = seeds.map(seed => {
      const sampler = new Sampler(checkSampling({ temperature }), new Random(seed))
      const form = { prompt, thinking, tools: task.tools, stopIds: this.stopIds }
      return new ReplySampler(tokenizer, sampler, form)
    })
    return { prompt, samplers }
  }

  /**
   * 1 for a reply that ends by itself and whose answer is right, else 0. One that ends is well formed: the sampler lets
   * none end before its reasoning is closed and something is said.
   */
  reward({ task }: Exercise, { ids, ended }: Reply): number {
    return Number(ended && task.verify(this.data.tokenizer.decode(ids.slice(0, -1))))
  }

  private tool(name: string) {
    const tool = this.data.tools.get(name)
    if (!tool)
      throw new TrainError(
        'recipe',
        `exercises name the tool "${name}", which the recipe's "toolsFile" does not define`,
      )
    return tool
  }
}

const weightsOf = ({ parameters, buffers }: LanguageModel): Map<string, Tensor> => new Map([...parameters, ...buffers])

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

const mean = (values: readonly number[]): number => sum(values) / values.length

/** The mean of the values of each name. */
function byKind(values: readonly [name: string, value: number][]): Record<string, number> {
  const groups = Map.groupBy(values, ([name]) => name)
  return Object.fromEntries([...groups].map(([name, group]) => [name, mean(group.map(([, value]) => value))]))
}
