import type { Points, Progress, RunUpdate } from './protocol.ts'
import type { TrainingRun } from './trainingRun.ts'

/** Points of a thinned series; with their extremes a plot draws twice as many. */
const most = 1000

/** Appended steps after which everything is thinned and sent anew, so that the page does not grow without end. */
const patience = 2000

/** What a page has been told of a run. */
interface Told {
  readonly generation: number
  /** Steps at the last whole update. */
  readonly wholeSteps: number
  readonly steps: number
  readonly lengths: ReadonlyMap<string, number>
  readonly samples: number
  readonly loads: number
}

/** Tells one page about a run: first everything, then what is new. */
export class RunFeed {
  #told: Told | undefined

  /** Undefined if there is nothing new. */
  next(run: TrainingRun): RunUpdate | undefined {
    const told = this.#told
    const steps = run.progress.step.length
    const whole = told?.generation !== run.generation || steps - told.wholeSteps > patience
    const series: Record<string, Points> = {}
    for (const [name, values] of run.series) {
      const from = told?.lengths.get(name) ?? 0
      if (whole) series[name] = values.thinned(most)
      else if (values.length > from) series[name] = values.since(from)
    }
    const samples = run.samples.slice(whole ? 0 : told.samples)
    const loads = whole || told.loads !== run.loads.version ? run.loads.map() : undefined
    this.#told = {
      generation: run.generation,
      wholeSteps: whole ? steps : told.wholeSteps,
      steps,
      lengths: new Map([...run.series].map(([name, { length }]) => [name, length])),
      samples: run.samples.length,
      loads: run.loads.version,
    }
    if (!whole && Object.keys(series).length === 0 && samples.length === 0 && !loads) return undefined
    const progress = whole ? thinned(run.progress) : tail(run.progress, told.steps)
    return { id: run.folder, whole, stages: run.stages, progress, series, loads, samples }
  }
}

const pick = ({ step, tokens, seconds }: Progress, chosen: (values: number[]) => number[]): Progress => ({
  step: chosen(step),
  tokens: chosen(tokens),
  seconds: chosen(seconds),
})

const tail = (progress: Progress, from: number): Progress => pick(progress, values => values.slice(from))

function thinned(progress: Progress): Progress {
  const last = progress.step.length - 1
  const every = Math.ceil((last + 1) / most)
  return pick(progress, values => values.filter((_, i) => i % every === 0 || i === last))
}
