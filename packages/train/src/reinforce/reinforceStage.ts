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
import { balanceOf } from '../balance.ts'
import { TrainError } from '../errors.ts'
import type { PreparedData } from '../prepare.ts'
import type { Stage, StageContext, StageValidation, StepResult } from '../stage.ts'
import { advantagesOf } from './advantages.ts'
import type { Answer } from './answerBatches.ts'
import { drawExercise, type Exercise } from './exercise.ts'
import { learn } from './learn.ts'
import { type Reply, Rollout } from './rollout.ts'

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
  const chat = new ExerciseChat(data, rollout, stopIds)

  async function step(step: number, learningRate: number): Promise<StepResult> {
    const groups: Answer[][] = []
    const rewards: { kind: string; reward: number }[] = []
    let tokens = 0
    let answerTokens = 0
    for (let q = 0; q < settings.questions; q++) {
      await turn()
      const exercise = drawExercise(kinds, 'train', recipe.seed, step, q)
      const seeds = Array.from({ length: answers }, (_, a) => mixSeed('answer', recipe.seed, step, q, a))
      const { prompt, replies } = chat.ask(exercise, true, { temperature, seeds })
      const scores = replies.map(reply => chat.reward(exercise, reply))
      const advantages = advantagesOf(scores)
      if (advantages) groups.push(replies.map(({ ids }, a) => ({ prompt, ids, advantage: advantages[a]! })))
      for (const reward of scores) rewards.push({ kind: exercise.kind, reward })
      const length = replies.reduce((sum, { ids }) => sum + ids.length, 0)
      answerTokens += length
      tokens += answers * prompt.length + length
    }
    const learner = { model, reference, optimizer }
    const firstUpdate = step * settings.updates + 1
    const { loss, gradientNorm, countedTokens, ...policy } = learn(learner, groups, firstUpdate, learningRate, settings)
    const measures = {
      reward: mean(rewards.map(({ reward }) => reward)),
      ...byKind(rewards.map(({ kind, reward }) => [`reward ${kind}`, reward])),
      answerTokens: answerTokens / rewards.length,
      skippedGroups: settings.questions - groups.length,
      ...(countedTokens > 0 && policy),
    }
    return { loss, gradientNorm, tokens, countedTokens, balance: balanceOf([]), loads: [], measures }
  }

  async function validate(): Promise<StageValidation> {
    const right: [string, number][] = []
    for (let q = 0; q < settings.heldOutQuestions; q++) {
      const exercise = drawExercise(kinds, 'heldout', recipe.seed, q)
      for (const thinking of [true, false]) {
        await turn()
        const { replies } = chat.ask(exercise, thinking, { temperature: 0, seeds: [0] })
        const mode = thinking ? 'thinking' : 'direct'
        const reward = chat.reward(exercise, replies[0]!)
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
  private readonly rollout: Rollout
  private readonly stopIds: ReadonlySet<number>

  constructor(data: PreparedData, rollout: Rollout, stopIds: ReadonlySet<number>) {
    this.data = data
    this.rollout = rollout
    this.stopIds = stopIds
  }

  /** A reply for each seed. */
  ask(
    { task }: Exercise,
    thinking: boolean,
    { temperature, seeds }: { temperature: number; seeds: readonly number[] },
  ): { prompt: number[]; replies: Reply[] } {
    const { tokenizer, template } = this.data
    const tools = task.tools?.map(name => this.tool(name))
    const prompt = encodeChat(tokenizer, template, [{ role: 'user', content: task.question }], {
      tools,
      enableThinking: thinking,
      addGenerationPrompt: true,
    })
    const samplers = seeds.map(seed => {
      const sampler = new Sampler(checkSampling({ temperature }), new Random(seed))
      return new ReplySampler(tokenizer, sampler, {
        prompt,
        thinking,
        tools: tools !== undefined,
        stopIds: this.stopIds,
      })
    })
    return { prompt, replies: this.rollout.replies(prompt, samplers) }
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

/** Lets signals and timers in. */
const turn = () => new Promise(resolve => setImmediate(resolve))

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

/** The mean of the values of each name. */
function byKind(values: readonly [name: string, value: number][]): Record<string, number> {
  const groups = Map.groupBy(values, ([name]) => name)
  return Object.fromEntries([...groups].map(([name, group]) => [name, mean(group.map(([, value]) => value))]))
}
