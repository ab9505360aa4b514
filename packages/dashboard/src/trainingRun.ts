import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Sample } from '@modu/train'
import { trainingProcess } from '@modu/train/lock'
import { LineTail } from './lineTail.ts'
import { LoadHistory } from './loadHistory.ts'
import type { Progress, RunSummary, StageStart } from './protocol.ts'
import { Series } from './series.ts'

/** Over how many steps the figures of the summary are means. */
const recentSteps = 20

/** Fields that every step has and that say where it stands, not how it went. */
const position = new Set(['step', 'tokens', 'countedTokens', 'seconds'])

type Line = Readonly<Record<string, unknown>> & { readonly step: number }

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** Any file's lines that are JSON objects with a step; what a crash cut short is passed over. */
function parse(line: string): Line | undefined {
  try {
    const value = JSON.parse(line)
    return isNumber(value?.step) ? value : undefined
  } catch {
    return undefined
  }
}

/** What a run folder says about its training, kept up with as it is written. */
export class TrainingRun {
  readonly folder: string
  /** Rises when what was read before no longer holds: the training was resumed from an earlier step, or begun anew. */
  generation = 0
  series = new Map<string, Series>()
  progress: Progress = { step: [], tokens: [], seconds: [] }
  stages: StageStart[] = []
  loads = new LoadHistory()
  samples: Sample[] = []
  #metricsFile: LineTail
  #samplesFile: LineTail
  #totalSteps = 0
  #updated = 0

  constructor(folder: string) {
    this.folder = folder
    this.#metricsFile = new LineTail(join(folder, 'metrics.jsonl'))
    this.#samplesFile = new LineTail(join(folder, 'samples.jsonl'))
  }

  /** Reads what was appended since the call before. */
  read(): void {
    const metrics = this.#metricsFile.read()
    const samples = this.#samplesFile.read()
    if (metrics.restarted || samples.restarted) {
      this.#forget()
      this.read()
      return
    }
    for (const line of metrics.lines) this.#addMetrics(parse(line))
    for (const line of samples.lines) {
      const sample = parse(line)
      if (sample) this.samples.push(sample as unknown as Sample)
    }
    if (metrics.lines.length > 0) this.#updated = statSync(join(this.folder, 'metrics.jsonl')).mtimeMs
    if (this.#totalSteps === 0) this.#totalSteps = totalSteps(join(this.folder, 'recipe.json'))
  }

  get summary(): RunSummary {
    const step = this.progress.step.at(-1) ?? 0
    const running = trainingProcess(this.folder) !== undefined
    const finished = step >= this.#totalSteps && existsSync(join(this.folder, 'model/config.json'))
    const { tokens, seconds } = this.#pace()
    const left = this.#totalSteps - step
    const stage = this.stages.at(-1)?.stage
    return {
      id: this.folder,
      name: basename(this.folder),
      state: running ? 'running' : finished ? 'finished' : 'stopped',
      stage,
      step,
      totalSteps: this.#totalSteps,
      loss: stage === 'reinforce' ? undefined : this.series.get('loss')?.recent(recentSteps),
      tokensPerSecond: seconds > 0 ? tokens / seconds : undefined,
      secondsLeft: running && seconds > 0 ? left * seconds : undefined,
      updated: this.#updated,
    }
  }

  /** Tokens and seconds of a step, over the last ones. */
  #pace(): { readonly tokens: number; readonly seconds: number } {
    const { step, tokens, seconds } = this.progress
    const last = step.length - 1
    const first = Math.max(0, last - recentSteps)
    const steps = step[last]! - step[first]!
    if (!(steps > 0)) return { tokens: tokens[last] ?? 0, seconds: seconds[last] ?? 0 }
    return { tokens: (tokens[last]! - tokens[first]!) / steps, seconds: (seconds[last]! - seconds[first]!) / steps }
  }

  #addMetrics(line: Line | undefined): void {
    if (!line) return
    const { step, stage } = line
    if (line.kind === 'step') {
      this.progress.step.push(step)
      this.progress.tokens.push((this.progress.tokens.at(-1) ?? 0) + (isNumber(line.tokens) ? line.tokens : 0))
      this.progress.seconds.push(isNumber(line.seconds) ? line.seconds : (this.progress.seconds.at(-1) ?? 0))
      if (typeof stage === 'string' && this.stages.at(-1)?.stage !== stage) this.stages.push({ stage, step })
    }
    if (Array.isArray(line.loads) && line.loads.length > 0) this.loads.add(step, line.loads)
    // What reinforcement minimises is no likelihood of texts, and has another scale.
    const nameOf = (field: string) => (field === 'loss' && stage === 'reinforce' ? 'policyLoss' : field)
    for (const [field, value] of Object.entries(line)) {
      if (position.has(field)) continue
      if (isNumber(value)) this.#add(nameOf(field), step, value)
      else if (value && typeof value === 'object' && !Array.isArray(value)) {
        const prefix = field === 'measures' ? '' : `${field}.`
        for (const [part, inner] of Object.entries(value)) if (isNumber(inner)) this.#add(prefix + part, step, inner)
      }
    }
  }

  #add(name: string, step: number, value: number): void {
    let series = this.series.get(name)
    if (!series) {
      series = new Series()
      this.series.set(name, series)
    }
    series.add(step, value)
  }

  #forget(): void {
    this.generation++
    this.series = new Map()
    this.progress = { step: [], tokens: [], seconds: [] }
    this.stages = []
    this.loads = new LoadHistory()
    this.samples = []
    this.#metricsFile = new LineTail(join(this.folder, 'metrics.jsonl'))
    this.#samplesFile = new LineTail(join(this.folder, 'samples.jsonl'))
    this.#totalSteps = 0
    this.#updated = 0
  }
}

/** Steps of all stages of a recipe; 0 where it cannot be read. Recipes of every version are welcome here. */
function totalSteps(recipeFile: string): number {
  try {
    const recipe = JSON.parse(readFileSync(recipeFile, 'utf8'))
    return ['pretrain', 'finetune', 'reinforce'].reduce((sum, stage) => sum + (recipe[stage]?.steps ?? 0), 0)
  } catch {
    return 0
  }
}
