import { existsSync, readdirSync } from 'node:fs'
import { join, normalize } from 'node:path'
import type { RunSummary } from './protocol.ts'
import { TrainingRun } from './trainingRun.ts'

const isRun = (folder: string): boolean =>
  existsSync(join(folder, 'recipe.json')) || existsSync(join(folder, 'metrics.jsonl'))

/** The run folders that `folder` is or has directly in it. */
export function findRuns(folder: string): string[] {
  if (isRun(folder)) return [normalize(folder).replace(/[/\\]$/, '')]
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => !entry.isFile())
    .map(entry => join(folder, entry.name))
    .filter(isRun)
}

/** The runs under some folders, new ones included as they begin. */
export class Runs {
  readonly #folders: readonly string[]
  #runs = new Map<string, TrainingRun>()

  constructor(folders: readonly string[]) {
    this.#folders = folders
  }

  get(id: string): TrainingRun | undefined {
    return this.#runs.get(id)
  }

  /** Reads what is new in all of them. Those that train now come first, then the youngest. */
  read(): RunSummary[] {
    const found = new Set(this.#folders.flatMap(findRuns))
    this.#runs = new Map([...found].map(folder => [folder, this.#runs.get(folder) ?? new TrainingRun(folder)]))
    for (const run of this.#runs.values()) run.read()
    const running = (run: RunSummary) => Number(run.state === 'running')
    return [...this.#runs.values()]
      .map(run => run.summary)
      .sort((a, b) => running(b) - running(a) || b.updated - a.updated || a.id.localeCompare(b.id))
  }
}
