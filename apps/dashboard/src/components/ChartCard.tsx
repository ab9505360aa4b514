import { useMemo, useState } from 'react'
import type { Chart, ShownRun } from '../charts.ts'
import { along, type Curve } from '../curves.ts'
import { formatPlace, formatValue } from '../format.ts'
import { usePreferences } from '../preferences.ts'
import { useText } from '../text.ts'
import { Plot } from './Plot.tsx'
import './ChartCard.css'

/** A plot with its title, and the values of its curves: the last ones, or those under the pointer. */
export function ChartCard({ chart, runs, large }: { chart: Chart; runs: readonly ShownRun[]; large: boolean }) {
  const text = useText()
  const { axis, language } = usePreferences()
  const [place, setPlace] = useState<number>()
  const title = text.charts[chart.field]
  const partName = (part: string) => (chart.field === 'accuracy.*' ? (text.parts[part] ?? part) : part)
  // Stages of several runs would be a thicket of lines.
  const marks = useMemo(() => {
    const only = runs.length === 1 ? runs[0]!.data : undefined
    if (!only) return []
    return along(
      axis,
      only.stages.slice(1).map(({ step }) => step),
      only.progress,
    )
  }, [runs, axis])
  const label = [title ?? chart.field, chart.part].filter(Boolean).join(' ')
  return (
    <section className={large ? 'card chart chart-large' : 'card chart'} aria-label={label}>
      <header>
        <h2>
          {title ?? <code>{chart.field}</code>}
          {chart.part !== undefined && <small>{partName(chart.part)}</small>}
          {chart.field === 'loss' && <small>{text.perToken}</small>}
        </h2>
        <span className="chart-place">
          {place !== undefined && `${text.axes[axis]} ${formatPlace(place, axis, language)}`}
        </span>
      </header>
      <ul className="chart-legend">
        {chart.curves.map(curve => {
          const value = valueAt(curve, place)
          return (
            <li key={curve.name}>
              <i style={{ background: curve.colour }} />
              {(chart.curves.length > 1 || runs.length > 1) && <span>{partName(curve.name)}</span>}
              <b>{value === undefined ? '–' : formatValue(value, language)}</b>
            </li>
          )
        })}
      </ul>
      <Plot curves={chart.curves} marks={marks} height={large ? 260 : 170} onPoint={setPlace} />
    </section>
  )
}

/** The value nearest to a place, the last one without a place; undefined where the curve has not begun or has ended. */
function valueAt({ x, y }: Curve, place: number | undefined): number | undefined {
  if (place === undefined) return y.at(-1)
  if (place < x[0]! || place > x.at(-1)!) return undefined
  const after = x.findIndex(at => at >= place)
  const nearest = after > 0 && place - x[after - 1]! < x[after]! - place ? after - 1 : after
  return y[nearest]
}
