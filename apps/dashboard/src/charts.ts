import type { RunSummary } from '@modu/dashboard'
import { type Curve, curve } from './curves.ts'
import type { Axis } from './preferences.ts'
import type { RunData } from './runStore.ts'
import { lineColours } from './theme.ts'

/** A run that is looked at. */
export interface ShownRun {
  readonly summary: RunSummary
  readonly data: RunData
  readonly colour: string
}

export interface Chart {
  /** The field of the metrics that it draws. */
  readonly field: string
  /** What sets it apart from others of the field: the source of held-out data. */
  readonly part: string | undefined
  readonly curves: readonly Curve[]
}

/** These come first, in this order; other fields follow as the metrics have them. */
const order = [
  'loss',
  'bitsPerByte',
  'reward',
  'tokensPerSecond',
  'learningRate',
  'gradientNorm',
  'routerEntropy',
  'deadExperts',
  'worstExpertLoad',
  'meanExpertLoad',
]

const rank = (field: string): number => (order.includes(field) ? order.indexOf(field) : order.length)

/** Set by a schedule or measured on much data: nothing to smooth. */
const exact = new Set(['learningRate', 'bitsPerByte', 'deadExperts'])

/**
 * A chart for each field of the metrics, with a curve for each run. A field of several parts is one chart with a curve
 * for each part as long as one run is shown, else a chart for each part.
 */
export function chartsOf(runs: readonly ShownRun[], axis: Axis, smoothing: number): Chart[] {
  const charts = new Map<string, { field: string; part: string | undefined; curves: Curve[] }>()
  for (const { summary, data, colour } of runs) {
    for (const [name, points] of Object.entries(data.series)) {
      const [field, ...rest] = name.split('.') as [string, ...string[]]
      const part = rest.length > 0 ? rest.join('.') : undefined
      const together = part !== undefined && runs.length === 1
      const key = together ? field : name
      let chart = charts.get(key)
      if (!chart) {
        chart = { field, part: together ? undefined : part, curves: [] }
        charts.set(key, chart)
      }
      const [label, line] = together
        ? [part, lineColours[chart.curves.length % lineColours.length]!]
        : [summary.name, colour]
      chart.curves.push(curve(label, line, points, data.progress, axis, exact.has(field) ? 0 : smoothing))
    }
  }
  return [...charts.values()].sort((a, b) => rank(a.field) - rank(b.field))
}
