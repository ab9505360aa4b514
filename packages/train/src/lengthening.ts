import { findCheckpoint, type RunState } from './checkpoint.ts'
import { type Difference, differences } from './differences.ts'
import type { PretrainRecipe, Recipe } from './recipe.ts'
import { decayBegin } from './schedule.ts'

/** What two recipes have to share so that the first `steps` steps of pre-training are the same: not the fall, and no later mixture. */
function shared(recipe: Recipe, steps: number): unknown {
  if (!recipe.pretrain) return recipe
  const { steps: _, decaySteps: __, decay: ___, finalRate: ____, laterMixtures, ...pretrain } = recipe.pretrain
  const mixtures = laterMixtures.filter(({ fromStep }) => fromStep < steps)
  return { ...recipe, pretrain: { ...pretrain, laterMixtures: mixtures } }
}

export interface RecipeChange {
  /** The fields that keep a run from going on. */
  readonly differences: readonly Difference[]
  /** The step of the checkpoint from which a run goes on that is only lengthened. */
  readonly lengthenedFrom?: number
}

/**
 * What has changed between the recipe a run began with and the present one. A longer pre-training (more `steps`; the fall of
 * the rate and mixtures after the checkpoint may then be others too) goes on from the last checkpoint before the rate
 * began to fall, so that the run becomes the one it would have been with these steps from the beginning (Hu et al. 2024,
 * MiniCPM: warm-up, stable, decay).
 */
export function recipeChange(earlier: Recipe, recipe: Recipe, checkpoints: string): RecipeChange {
  const changed = differences(earlier, recipe)
  const from = changed.length > 0 ? stableCheckpoint(earlier.pretrain, recipe.pretrain, checkpoints) : undefined
  if (!from) return { differences: changed }
  const others = differences(shared(earlier, from.stageStep), shared(recipe, from.stageStep))
  return others.length > 0 ? { differences: others } : { differences: [], lengthenedFrom: from.step }
}

/** The last checkpoint that a longer pre-training shares; none if it is not longer. */
function stableCheckpoint(
  earlier: PretrainRecipe | undefined,
  now: PretrainRecipe | undefined,
  checkpoints: string,
): RunState | undefined {
  if (!earlier || !now || now.steps <= earlier.steps) return undefined
  const stable = Math.min(decayBegin(earlier), decayBegin(now))
  return findCheckpoint(checkpoints, ({ stage, stageStep }) => stage === 'pretrain' && stageStep <= stable)?.state
}
