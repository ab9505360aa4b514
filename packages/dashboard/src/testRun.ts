import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/* For tests: run folders as training writes them. */

/** A line of metrics.jsonl for a step, as `@modu/train` writes it. */
export const stepLine = (step: number, fields: object = {}) => ({
  kind: 'step',
  stage: 'pretrain',
  step,
  loss: 8 / step,
  learningRate: 0.001,
  gradientNorm: 1.5,
  tokens: 100,
  countedTokens: 90,
  tokensPerSecond: 200,
  seconds: step / 2,
  ...fields,
})

const text = (lines: readonly object[]): string => lines.map(line => `${JSON.stringify(line)}\n`).join('')

/** A run folder and what happens in it. */
export class TestRun {
  readonly folder: string
  readonly metrics: string
  readonly samples: string

  /** Begins a run of `steps` pre-training steps. */
  constructor(folder: string, steps = 10) {
    this.folder = folder
    this.metrics = join(folder, 'metrics.jsonl')
    this.samples = join(folder, 'samples.jsonl')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ name: 'test', pretrain: { steps } }))
  }

  append(...lines: readonly object[]): void {
    appendFileSync(this.metrics, text(lines))
  }

  appendSamples(...lines: readonly object[]): void {
    appendFileSync(this.samples, text(lines))
  }

  /** Leaves other lines than before, as a resumed training does. */
  rewind(...lines: readonly object[]): void {
    writeFileSync(`${this.metrics}.tmp`, text(lines))
    renameSync(`${this.metrics}.tmp`, this.metrics)
  }

  /** As if process `pid` trained in it. */
  lock(pid: number): void {
    writeFileSync(join(this.folder, 'lock'), String(pid))
  }

  finish(): void {
    mkdirSync(join(this.folder, 'model'))
    writeFileSync(join(this.folder, 'model/config.json'), '{}')
  }
}
