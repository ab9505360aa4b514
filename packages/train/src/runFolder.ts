import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { readJson, writeFileAtomic } from '@modu/model'
import { TrainError } from './errors.ts'
import { lockOf, trainingProcess } from './lock.ts'
import type { Recipe } from './recipe.ts'

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
 * Opens the folder of a run, making it for a new one, and locks it. A `run` error if it belongs to another recipe, or
 * if another process is training in it.
 */
export function openRunFolder(root: string, recipe: Recipe): RunFolder {
  mkdirSync(root, { recursive: true })
  const recipeFile = join(root, 'recipe.json')
  if (existsSync(recipeFile)) {
    const earlier = readJson(recipeFile) as Record<string, unknown>
    const changed = Object.keys({ ...earlier, ...recipe }).filter(
      field => !isDeepStrictEqual(earlier[field], JSON.parse(JSON.stringify(recipe[field as keyof Recipe] ?? null))),
    )
    if (changed.length > 0) {
      throw new TrainError(
        'run',
        `${root} holds a run of a recipe with other ${changed.map(field => `"${field}"`).join(', ')}: put the recipe back as it was, choose another run folder, or delete this one`,
      )
    }
  }
  const pid = trainingProcess(root)
  if (pid !== undefined && pid !== process.pid) {
    throw new TrainError('run', `process ${pid} is training in ${root}: wait for it, or choose another run folder`)
  }
  const lock = lockOf(root)
  writeFileSync(lock, String(process.pid))
  if (!existsSync(recipeFile)) writeFileAtomic(recipeFile, `${JSON.stringify(recipe, null, 2)}\n`)
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
