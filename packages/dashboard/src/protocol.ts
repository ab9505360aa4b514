import type { Sample } from '@modu/train'

/* What the server tells the page, as server-sent events: `runs` carries RunSummary[], `run` a RunUpdate. */

export interface RunSummary {
  /** The run folder's path, as the server was given it. */
  readonly id: string
  /** The run folder's name. */
  readonly name: string
  /** `running`: a process trains in it now. `finished`: its model is written. */
  readonly state: 'running' | 'finished' | 'stopped'
  /** The stage of the last step; undefined before the first. */
  readonly stage: string | undefined
  readonly step: number
  /** Of all stages; 0 if the folder holds no recipe. */
  readonly totalSteps: number
  /** Means over the last steps; undefined where the run does not say, the loss also in reinforcement. */
  readonly loss: number | undefined
  readonly tokensPerSecond: number | undefined
  /** Training time at the pace of the last steps; undefined unless the run goes on. */
  readonly secondsLeft: number | undefined
  /** When a step was written last, in milliseconds since 1970; 0 before the first. */
  readonly updated: number
}

/**
 * A series by step. Where it was thinned, a point stands for neighbouring values: their mean, and their extremes in
 * `low` and `high`.
 */
export interface Points {
  readonly step: number[]
  readonly mean: number[]
  readonly low?: number[]
  readonly high?: number[]
}

/** How many tokens and seconds of training a step had behind it. */
export interface Progress {
  readonly step: number[]
  readonly tokens: number[]
  readonly seconds: number[]
}

/** Where a stage begins. */
export interface StageStart {
  readonly stage: string
  readonly step: number
}

/** Load of each expert over the mean of its layer: 1 is an even share, 0 a dead expert. */
export interface LoadMap {
  /** Of each column, the step it ends with. */
  readonly step: number[]
  readonly layers: number
  readonly experts: number
  /** [column][layer · experts + expert] */
  readonly loads: number[][]
}

export interface RunUpdate {
  readonly id: string
  /** Everything known of the run, thinned; else what came since the update before, to be appended. */
  readonly whole: boolean
  readonly stages: readonly StageStart[]
  readonly progress: Progress
  /**
   * Fields of metrics.jsonl by name; a field within a field by a dotted one (`bitsPerByte.stories`), but those in
   * `measures` by their own. The loss of reinforcement is called `policyLoss`.
   */
  readonly series: Readonly<Record<string, Points>>
  /** All of it, if it has changed. */
  readonly loads: LoadMap | undefined
  readonly samples: readonly Sample[]
}
