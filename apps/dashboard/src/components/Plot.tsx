import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import type { Curve } from '../curves.ts'
import { formatPlace, formatValue, incrementsOf } from '../format.ts'
import { usePreferences } from '../preferences.ts'
import { faded, resolveColour, useThemeKey } from '../theme.ts'
import './Plot.css'

interface Props {
  curves: readonly Curve[]
  /** Places on the axis to mark by a line: where stages begin. */
  marks: readonly number[]
  /** In CSS pixels, at least: it fills what its card leaves. */
  height: number
  /** The place under the pointer, in this plot or another on the page; undefined when it has left. */
  onPoint: (place: number | undefined) => void
}

/** Curves over the chosen axis. All plots of the page share the pointer; dragging zooms, a double click zooms out. */
export function Plot({ curves, marks, height, onPoint }: Props) {
  const { axis, language } = usePreferences()
  const theme = useThemeKey()
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef({ curves, marks, onPoint })
  latest.current = { curves, marks, onPoint }
  // What of the curves is part of uPlot's options; their points may change without a new plot.
  const shape = JSON.stringify(curves.map(curve => [curve.colour, layers(curve).length, hasPoints(curve)]))

  useEffect(() => {
    const ink = resolveColour('var(--ink-3)')
    const line = resolveColour('var(--line)')
    const font = `11px ${getComputedStyle(document.body).fontFamily}`
    const axisLook = { stroke: ink, font, ticks: { show: false }, grid: { stroke: line, width: 1 } }
    const place = (value: number) => formatPlace(value, axis, language)
    const { clientWidth: width, clientHeight } = box.current!
    const options: uPlot.Options = {
      width,
      height: clientHeight,
      ...seriesOf(latest.current.curves),
      scales: { x: { time: false } },
      axes: [
        {
          ...axisLook,
          grid: { show: false },
          space: 72,
          size: 28,
          incrs: incrementsOf(axis),
          values: (_, ticks) => ticks.map(place),
        },
        { ...axisLook, size: 54, space: 36, values: (_, ticks) => ticks.map(value => formatValue(value, language)) },
      ],
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: true },
        sync: { key: 'runs', scales: ['x', null], setSeries: false },
      },
      hooks: {
        setCursor: [
          ({ cursor, posToVal }) => {
            const inside = cursor.left !== undefined && cursor.left >= 0
            latest.current.onPoint(inside ? posToVal(cursor.left!, 'x') : undefined)
          },
        ],
        drawAxes: [chart => drawMarks(chart, latest.current.marks, ink)],
      },
    }
    const created = new uPlot(options, dataOf(latest.current.curves), box.current!)
    plot.current = created
    const resize = new ResizeObserver(([entry]) => created.setSize(entry!.contentRect))
    resize.observe(box.current!)
    return () => {
      resize.disconnect()
      created.destroy()
      plot.current = undefined
    }
  }, [shape, theme, axis, language])

  useEffect(() => {
    const chart = plot.current
    if (!chart) return
    const before = chart.data[0]
    const { min, max } = chart.scales.x!
    const zoomed = min != null && max != null && (min > before[0]! || max < before.at(-1)!)
    chart.setData(dataOf(curves), !zoomed)
    if (zoomed) chart.redraw()
  }, [curves])

  return <div className="plot" ref={box} style={{ minHeight: height }} />
}

/** The lines a curve is drawn by, those behind first. */
function layers({ y, low, high }: Curve): number[][] {
  if (!low || !high) return [y]
  return low === high ? [low, y] : [high, low, y]
}

/** Few points are shown as such: a line of one point would be nothing. */
const hasPoints = (curve: Curve): boolean => curve.x.length <= 40

function seriesOf(curves: readonly Curve[]): Pick<uPlot.Options, 'series' | 'bands'> {
  const series: uPlot.Series[] = [{}]
  const bands: uPlot.Band[] = []
  for (const curve of curves) {
    const stroke = resolveColour(curve.colour)
    const behind = layers(curve).length - 1
    if (behind === 2) bands.push({ series: [series.length, series.length + 1], fill: faded(stroke, 0.16) })
    for (let i = 0; i < behind; i++) {
      series.push({ stroke: faded(stroke, 0.28), width: 1, points: { show: false } })
    }
    series.push({ stroke, width: 1.8, points: { show: hasPoints(curve), size: 5, fill: stroke } })
  }
  return { series, bands }
}

function dataOf(curves: readonly Curve[]): uPlot.AlignedData {
  const tables = curves.map(curve => [curve.x, ...layers(curve)] as uPlot.AlignedData)
  return tables.length === 1 ? tables[0]! : uPlot.join(tables)
}

function drawMarks({ ctx, bbox, valToPos }: uPlot, marks: readonly number[], colour: string): void {
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([3 * devicePixelRatio, 4 * devicePixelRatio])
  for (const mark of marks) {
    const x = Math.round(valToPos(mark, 'x', true))
    if (x <= bbox.left || x >= bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}
