import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeFileAtomic } from '@modu/model'
import { findCheckpoint, rewindCheckpoints } from './checkpoint.ts'
import { describeDifferences } from './differences.ts'
import { TrainError } from './errors.ts'
import { recipeChange } from './lengthening.ts'
import { lockOf, trainingProcess } from './lock.ts'
import { parseRecipe, type Recipe } from './recipe.ts'
import type { Start } from './start.ts'

/** Everything a run leaves behind lies in one folder. */
export interface RunFolder {
  readonly root: string
  readonly corpus: string
  readonly tokenizer: string
  readonly shards: string
  readonly checkpoints: string
  readonly model: string
  readonly metrics: string
  readonly samples: string
  readonly plot: string
  /** Lets other processes use the folder again. */
  release(): void
}

/**
 * Refuses to go on with another recipe than the run began with, unless it only lengthens the run: then the step from which it
 * goes on is returned. What has been added to recipes since the run began has its default.
 */
function requireSameRecipe(root: string, recipeFile: string, recipe: Recipe, checkpoints: string): number | undefined {
  const earlier = parseRecipe(readJson(recipeFile), recipeFile)
  const { differences, lengthenedFrom } = recipeChange(earlier, recipe, checkpoints)
  if (differences.length === 0) return lengthenedFrom
  const longer = differences.every(({ path }) => path === 'pretrain.steps')
  const hint = longer ? ' (it can become longer only if the recipe has "pretrain.decaySteps", from the beginning)' : ''
  throw new TrainError(
    'run',
    `${root} holds a run of a recipe that differs: ${describeDifferences(differences)}${hint}. Put the recipe back as it was, choose another run folder (--out), or delete this one`,
  )
}

/** What a run began with, if not with random weights, as the file `start.json` keeps it. */
type Beginning = Pick<Start, 'folder' | 'key'>

function requireSameStart(root: string, earlier: Beginning | undefined, given: Beginning | undefined): void {
  if (earlier?.key === given?.key) return
  const name = (start: Beginning | undefined) => (start ? `the checkpoint ${start.folder}` : 'random weights')
  const what =
    earlier?.folder === given?.folder
      ? `began with ${name(earlier)}, which has changed since`
      : `began with ${name(earlier)}, not with ${name(given)}`
  throw new TrainError(
    'run',
    `the run in ${root} ${what}: give the same again (--from), or choose another run folder (--out)`,
  )
}

/**
 * Opens the folder of a run, making it for a new one, and locks it. A `run` error if another process is training in it, or
 * if it has checkpoints of another recipe or another beginning. A recipe that only lengthens pre-training takes
 * the place of the earlier one, and the checkpoints of later steps than the two share are removed.
 */
export function openRunFolder(root: string, recipe: Recipe, start?: Beginning): RunFolder {
  mkdirSync(root, { recursive: true })
  const pid = trainingProcess(root)
  if (pid !== undefined && pid !== process.pid) {
    throw new TrainError('run', `process ${pid} is training in ${root}: wait for it, or choose another run folder`)
  }
  const recipeFile = join(root, 'recipe.json')
  const startFile = join(root, 'start.json')
  const checkpoints = join(root, 'checkpoints')
  // Before its first checkpoint a run has nothing that another recipe could spoil.
  const begun = existsSync(recipeFile) && findCheckpoint(checkpoints) !== undefined
  let lengthenedFrom: number | undefined
  if (begun) {
    lengthenedFrom = requireSameRecipe(root, recipeFile, recipe, checkpoints)
    requireSameStart(root, existsSync(startFile) ? (readJson(startFile) as Beginning) : undefined, start)
  }
  const lock = lockOf(root)
  writeFileSync(lock, String(process.pid))
  const write = (path: string, value: object) => writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`)
  if (!begun) {
    rmSync(startFile, { force: true })
    if (start) write(startFile, { folder: start.folder, key: start.key })
  }
  // First what belongs to the shorter run goes: the longer recipe must never meet it, even after a crash.
  if (lengthenedFrom !== undefined) rewindCheckpoints(checkpoints, lengthenedFrom)
  if (!begun || lengthenedFrom !== undefined) write(recipeFile, recipe)
  const inside = (name: string) => join(root, name)
  return {
    root,
    corpus: inside('corpus'),
    tokenizer: inside('tokenizer'),
    shards: inside('shards'),
    checkpoints,
    model: inside('model'),
    metrics: inside('metrics.jsonl'),
    samples: inside('samples.jsonl'),
    plot: inside('loss.svg'),
    release: () => rmSync(lock, { force: true }),
  }
}
