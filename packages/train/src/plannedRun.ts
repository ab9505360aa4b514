import { join, resolve } from 'node:path'
import { TrainError } from './errors.ts'
import { beginningAt, loadRecipe, type Recipe, type StageName } from './recipe.ts'
import { sizedRecipe } from './size.ts'
import { openStart, type Start } from './start.ts'

/** How a recipe is to be run. */
export interface RunOptions {
  /** Where everything goes; `runs/NAME` in the current folder by default. A folder with a run in it goes on with it. */
  readonly runFolder?: string | undefined
  /** The data folder, in the place of the one the recipe names (or the environment variable MODU_DATA). */
  readonly dataDirectory?: string | undefined
  /** Turns the recipe to this size (`sizedRecipe`). */
  readonly size?: number | undefined
  /** A Hugging Face checkpoint: its weights, tokenizer and chat template stand for what the stages before `stage` make. */
  readonly from?: string | undefined
  /** The first stage to train, with `from`; the recipe's first by default. */
  readonly stage?: StageName | undefined
}

/** A run before anything of it is made. */
export interface PlannedRun {
  /** With the size and the stages asked for. */
  readonly recipe: Recipe
  readonly start: Start | undefined
  /** The run folder, the recipe's and the data folder, absolute. */
  readonly root: string
  readonly recipeFolder: string
  readonly dataDirectory: string
}

/** Reads recipe and checkpoint. Errors: `recipe`, `start`. */
export async function planRun(recipePath: string, options: RunOptions): Promise<PlannedRun> {
  const { runFolder, dataDirectory, size, from, stage } = options
  const loaded = loadRecipe(recipePath)
  const sized = size === undefined ? loaded.recipe : sizedRecipe(loaded.recipe, size)
  const recipe = stage ? beginningAt(sized, stage) : sized
  requireBeginning(recipe, options)
  return {
    recipe,
    start: from === undefined ? undefined : await openStart(from),
    recipeFolder: loaded.recipeFolder,
    root: resolve(runFolder ?? join('runs', recipe.name)),
    dataDirectory: resolve(dataDirectory ?? process.env.MODU_DATA ?? loaded.dataDirectory),
  }
}

/** Without a checkpoint to begin with, a run needs everything a model is made of. */
function requireBeginning(recipe: Recipe, { from, stage }: RunOptions): void {
  if (from !== undefined) return
  if (stage)
    throw new TrainError('recipe', `to begin at the stage "${stage}", give a checkpoint to begin with (--from)`)
  const missing = (['tokenizer', 'model'] as const).find(field => !recipe[field])
  if (missing) {
    throw new TrainError(
      'recipe',
      `the recipe has no "${missing}": add it, or give a checkpoint to begin with (--from)`,
    )
  }
}
