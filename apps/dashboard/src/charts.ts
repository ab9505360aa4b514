import { type Curve, curve } from './curves.ts'
import type { Axis } from './preferences.ts'
import type { RunData } from './runStore.ts'
import { lineColours } from './theme.ts'

/** A run that is looked at. */
export interface ShownRun {
  readonly id: string
  readonly name: string
  readonly data: RunData
  readonly colour: string
}

export interface Chart {
  /** What it draws: a field of the metrics; `field.*` for the parts of one. */
  readonly field: string
  /** The part, where the chart draws only this one of several. */
  readonly part: string | undefined
  readonly curves: readonly Curve[]
}

/** These come first, in this order; other fields follow as the metrics have them. */
const order = [
  'loss',
  'bitsPerByte.*',
  'reward',
  'accuracy.*',
  'reward.*',
  'accuracy.thinking.*',
  'accuracy.direct.*',
  'tokensPerSecond',
  'learningRate',
  'gradientNorm',
  'routerEntropy',
  'deadExperts',
  'worstExpertLoad',
  'meanExpertLoad',
]

const rank = (field: string): number => (order.includes(field) ? order.indexOf(field) : order.length)

/** Set by a schedule, counted, or measured on much data: nothing to smooth. */
const isExact = (field: string): boolean => /^(learningRate$|deadExperts$|bitsPerByte\.|accuracy\.)/.test(field)

/** A series' field and which part of it: by kind of exercise after a space (`reward word`), else after a dot. */
function partsOf(series: string): { readonly field: string; readonly part: string | undefined } {
  const [, field, part] = /^(.+?) (.+)$/.exec(series) ?? /^(.+?)\.(.+)$/.exec(series) ?? []
  return field === undefined ? { field: series, part: undefined } : { field: `${field}.*`, part }
}

/**
 * A chart for each field of the metrics, with a curve for each run. A field of several parts is one chart with a curve
 * for each part as long as one run is shown, else a chart for each part.
 */
export function chartsOf(runs: readonly ShownRun[], axis: Axis, smoothing: number): Chart[] {
  const charts = new Map<string, { field: string; part: string | undefined; curves: Curve[] }>()
  for (const { name: runName, data, colour } of runs) {
    for (const [name, points] of Object.entries(data.series)) {
      const { field, part } = partsOf(name)
      const together = part !== undefined && runs.length === 1
      const key = together ? field : name
      let chart = charts.get(key)
      if (!chart) {
        chart = { field, part: together ? undefined : part, curves: [] }
        charts.set(key, chart)
      }
      const [label, line] = together
        ? [part, lineColours[chart.curves.length % lineColours.length]!]
        : [runName, colour]
      chart.curves.push(curve(label, line, points, data.progress, axis, isExact(field) ? 0 : smoothing))
    }
  }
  return [...charts.values()].sort((a, b) => rank(a.field) - rank(b.field))
}
