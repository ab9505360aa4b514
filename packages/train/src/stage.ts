import type { Tensor } from '@modu/engine'
import type { LanguageModel } from '@modu/model'
import type { Balance } from './balance.ts'
import type { Optimizer } from './optimizer.ts'
import type { PreparedData } from './prepare.ts'
import type { Recipe } from './recipe.ts'

/** What a stage works on. The run saves model and optimiser in its checkpoints. */
export interface StageContext {
  readonly recipe: Recipe
  readonly data: PreparedData
  /** Trainable; it stands as the stage before left it, or at its random beginning. */
  readonly model: LanguageModel
  /** Over all parameters of the model; its moments are zero when a stage begins. */
  readonly optimizer: Optimizer
}

/** What one step of a stage measured; it becomes a line of metrics.jsonl. */
export interface StepResult {
  /** Mean loss over the counted tokens, in nats, with whatever losses the stage adds to it. */
  readonly loss: number
  /** Global norm before clipping. */
  readonly gradientNorm: number
  /** Tokens that went through the model, and of them those that were learnt from. */
  readonly tokens: number
  readonly countedTokens: number
  readonly balance: Balance
  /** For each mixture of experts, how many tokens each expert got; empty where a stage does not count them. */
  readonly loads: readonly (readonly number[])[]
  /** What only this stage measures, by name, such as the mean reward. */
  readonly measures?: Readonly<Record<string, number>>
}

/** What a stage says of data held out. */
export interface StageValidation {
  /** Bits per byte of text by source; empty where a stage does not learn texts. */
  readonly bitsPerByte: Readonly<Record<string, number>>
  /** Share of held-out exercises answered rightly, by kind. */
  readonly accuracy?: Readonly<Record<string, number>>
}

/**
 * A stage of training, as the run's loop sees it. The loop counts steps, sets the learning rate, writes metrics, samples and
 * checkpoints, and resumes; the stage knows what to learn and how.
 *
 * A run that was stopped makes the stage anew, as at its beginning, then reads `tensors` (with weights, correction biases
 * and moments) from the checkpoint, and calls `skip`. So that it goes on bit for bit, whatever a step draws must depend only
 * on the recipe's seed and on the number of steps before it: no other state may pass from one step to the next.
 */
export interface Stage {
  /** How often the stage goes through each source, to be told at its beginning; empty without sources. */
  readonly epochs: Readonly<Record<string, number>>
  /** What checkpoints keep for this stage beside the model and the moments, such as the weights it began with. Names are the stage's own. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Goes past `steps` steps that an earlier sitting did. Called at most once, before the first step. */
  skip(steps: number): void
  /**
   * Does one step of the recipe's `steps`, with one or more updates of the weights. `step` counts from 0 in the stage.
   * Temporaries are given back (`device.reset()`) when it returns. A TrainError `diverged` for a number that is not finite,
   * thrown before the weights have changed.
   */
  step(step: number, learningRate: number): Promise<StepResult>
  /** Measures on held-out data, always the same. Leaves the weights alone. */
  validate(): Promise<StageValidation>
  /** Gives back what the stage alone holds on the device. Called once, when the stage is over. */
  release(): void
}
