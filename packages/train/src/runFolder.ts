import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeFileAtomic } from '@modu/model'
import { describeDifferences, differences } from './differences.ts'
import { TrainError } from './errors.ts'
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

/** Refuses to go on with another recipe than the run began with; what has been added to recipes since then has its default. */
function requireSameRecipe(root: string, recipeFile: string, recipe: Recipe): void {
  const earlier = parseRecipe(readJson(recipeFile), recipeFile)
  const changed = differences(asJson(earlier), asJson(recipe))
  if (changed.length === 0) return
  throw new TrainError(
    'run',
    `${root} holds a run of a recipe that differs: ${describeDifferences(changed)}. Put the recipe back as it was, choose another run folder (--out), or delete this one`,
  )
}

const asJson = (value: object): unknown => JSON.parse(JSON.stringify(value))

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
 * Opens the folder of a run, making it for a new one, and locks it. A `run` error if it belongs to another recipe or
 * another checkpoint to begin with, or if another process is training in it.
 */
export function openRunFolder(root: string, recipe: Recipe, start?: Beginning): RunFolder {
  mkdirSync(root, { recursive: true })
  const recipeFile = join(root, 'recipe.json')
  const startFile = join(root, 'start.json')
  const begun = existsSync(recipeFile)
  if (begun) {
    requireSameRecipe(root, recipeFile, recipe)
    requireSameStart(root, existsSync(startFile) ? (readJson(startFile) as Beginning) : undefined, start)
  }
  const pid = trainingProcess(root)
  if (pid !== undefined && pid !== process.pid) {
    throw new TrainError('run', `process ${pid} is training in ${root}: wait for it, or choose another run folder`)
  }
  const lock = lockOf(root)
  writeFileSync(lock, String(process.pid))
  if (!begun) {
    const write = (path: string, value: object) => writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`)
    if (start) write(startFile, { folder: start.folder, key: start.key })
    write(recipeFile, recipe)
  }
  const inside = (name: string) => join(root, name)
  return {
    root,
    corpus: inside('corpus'),
    tokenizer: inside('tokenizer'),
    shards: inside('shards'),
    checkpoints: inside('checkpoints'),
    model: inside('model'),
    metrics: inside('metrics.jsonl'),
    samples: inside('samples.jsonl'),
    plot: inside('loss.svg'),
    release: () => rmSync(lock, { force: true }),
  }
}
