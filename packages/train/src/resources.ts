import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { countParams, type ModelConfig, parseConfig } from '@modu/model'
import { TrainError } from './errors.ts'
import type { Recipe } from './recipe.ts'
import type { Start } from './start.ts'

/** What a run takes, in bytes. */
export interface Needs {
  readonly parameters: number
  /** Weights, gradients, two moments, and what the stages keep beside. */
  readonly state: number
  /** What a micro-batch leaves for the backward pass, at its largest. */
  readonly activations: number
  /** Of the checkpoints that lie there at one time, and the finished model. */
  readonly disk: number
}

/** Where the head's logits exist, they exist for so many tokens at a time. */
const logitRows = 512

/**
 * Numbers that a token leaves in memory in one micro-batch: intermediate results of all layers and their gradients. The
 * factors are fitted to what the engine reserves for A.X K1 and Qwen3 of many shapes, within about 5 %.
 */
function numbersPerToken(config: ModelConfig): number {
  const { numHiddenLayers: layers, hiddenSize: hidden, numAttentionHeads: heads, intermediateSize } = config
  if (config.modelType !== 'axk1') {
    return layers * (11 * hidden + 7.5 * heads * 2 * config.headDim + 7.5 * intermediateSize)
  }
  const { qkNopeHeadDim, qkRopeHeadDim, vHeadDim, qLoraRank, kvLoraRank, moeIntermediateSize } = config
  const widths = qkNopeHeadDim + qkRopeHeadDim + vHeadDim
  const attention = 11 * hidden + 7.5 * heads * widths + 7 * qLoraRank + 11 * kvLoraRank
  const chosen = config.numExpertsPerTok
  const experts = 4 * (chosen + config.nSharedExperts) * moeIntermediateSize + 6.5 * chosen * hidden
  const sparse = config.mlpLayerTypes.filter(type => type === 'sparse').length
  return layers * attention + sparse * experts + (layers - sparse) * 7.5 * intermediateSize
}

/** What a recipe's run takes; `start` as the run begins with it. */
export function needsOf(recipe: Recipe, start?: Start): Needs {
  const config = recipe.model
    ? parseConfig({ ...recipe.model, vocab_size: recipe.tokenizer?.vocabSize ?? start!.config.vocabSize })
    : start!.config
  const { pretrain, finetune, reinforce, precision } = recipe
  const { total: parameters } = countParams(config)
  const reference = reinforce && reinforce.klWeight > 0 ? 4 * parameters : 0
  const micro = Math.max(
    pretrain ? Math.min(pretrain.microRows, pretrain.batchRows) * pretrain.sequenceLength : 0,
    finetune?.microTokens ?? 0,
    reinforce?.microTokens ?? 0,
  )
  const checkpoint = 12 * parameters + reference
  // The last two, the one being written, and that of the stable phase.
  const checkpoints = 3 + (pretrain?.decaySteps === undefined ? 0 : 1)
  return {
    parameters,
    state: 16 * parameters + reference + (precision === 'bf16' ? 2 * parameters : 0),
    activations: 4 * (micro * numbersPerToken(config) + Math.min(micro, logitRows) * config.vocabSize),
    disk: checkpoints * checkpoint + 2 * parameters,
  }
}

const gibibyte = 2 ** 30
/** All that the engine has lies in one memory of 32-bit addresses. */
const engineMemory = 4 * gibibyte
const inGib = (bytes: number): string => `${(bytes / gibibyte).toFixed(1)} GiB`

/** What a machine has, in bytes; the room on the disk counts what the run's checkpoints hold already. */
export interface Room {
  readonly memory: number
  readonly disk: number
}

/** Refuses by a `resources` error, with the numbers and a remedy, a run that cannot fit. */
export function requireRoom({ state, activations, disk }: Needs, room: Room): void {
  const memory = state + activations
  const limit = Math.min(engineMemory, room.memory)
  if (memory > limit) {
    const remedy =
      state > limit
        ? 'make the model smaller ("model" in the recipe, or --size)'
        : 'let fewer tokens go through it at once ("microRows", "microTokens"), or make the model smaller'
    throw new TrainError(
      'resources',
      `training needs about ${inGib(memory)} of memory (${inGib(state)} for weights, gradients and moments, ${inGib(activations)} for what a micro-batch leaves), but ${
        room.memory < engineMemory
          ? `only ${inGib(room.memory)} are free`
          : `the engine's memory ends at ${inGib(engineMemory)}`
      }: ${remedy}`,
    )
  }
  if (disk > room.disk) {
    throw new TrainError(
      'resources',
      `checkpoints and model need about ${inGib(disk)}, but the disk has only ${inGib(room.disk)} left: make room, or choose a run folder elsewhere (--out)`,
    )
  }
}

/** What this machine has for a run in the folder `root`, which need not be there yet. */
export function roomFor(root: string): Room {
  let there = root
  while (!existsSync(there)) there = dirname(there)
  const { bavail, bsize } = statfsSync(there)
  return { memory: process.availableMemory(), disk: bavail * bsize + folderBytes(join(root, 'checkpoints')) }
}

function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => statSync(join(folder, name)))
    .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0)
}
