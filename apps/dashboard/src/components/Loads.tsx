import type { LoadMap } from '@modu/dashboard'
import { type PointerEvent, useEffect, useRef, useState } from 'react'
import { usePreferences } from '../preferences.ts'
import { useText } from '../text.ts'
import { resolveColour, useThemeKey } from '../theme.ts'
import './Loads.css'

/** Between two layers, in CSS pixels. */
const gap = 4

/** Rows share this, in CSS pixels; very many are thinner than a pixel, which then shows their mean. */
const wanted = 320

/** Load of every expert in the course of training: a row for each expert, by layer, a column for some steps. */
export function Loads({ name, map }: { name: string | undefined; map: LoadMap }) {
  const text = useText()
  const { language } = usePreferences()
  const theme = useThemeKey()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [cell, setCell] = useState<{ column: number; row: number }>()
  const { layers, experts } = map
  const share = wanted / (layers * experts)
  const rowHeight = share < 1 ? share : Math.min(14, Math.floor(share))
  const layerHeight = rowHeight * experts
  const height = layers * (layerHeight + gap) - gap

  useEffect(() => paint(canvas.current!, map, rowHeight), [map, rowHeight, theme])

  const point = ({ nativeEvent: { offsetX, offsetY }, currentTarget }: PointerEvent) => {
    const layer = Math.floor(offsetY / (layerHeight + gap))
    const expert = Math.floor((offsetY - layer * (layerHeight + gap)) / rowHeight)
    const column = Math.floor((offsetX / currentTarget.clientWidth) * map.step.length)
    const inside = expert < experts && layer < layers && column < map.step.length
    setCell(inside ? { column, row: layer * experts + expert } : undefined)
  }
  const count = (value: number) => value.toLocaleString(language)
  return (
    <section className="card card-wide" aria-label={text.loads}>
      <h2>
        {text.loads}
        {name !== undefined && <small>{name}</small>}
      </h2>
      <p className="card-hint">
        {cell
          ? text.loadAt(
              count(map.step[cell.column]!),
              Math.floor(cell.row / experts) + 1,
              (cell.row % experts) + 1,
              map.loads[cell.column]![cell.row]!.toFixed(2),
            )
          : text.loadsHint}
      </p>
      <div className="loads">
        <div className="loads-layers" aria-hidden="true">
          {Array.from({ length: layers }, (_, i) => (
            <span key={text.layer(i)} style={{ height: layerHeight, marginBottom: i < layers - 1 ? gap : 0 }}>
              {layerHeight >= 14 && text.layer(i + 1)}
            </span>
          ))}
        </div>
        <canvas
          ref={canvas}
          role="img"
          aria-label={text.loads}
          width={map.step.length}
          height={height}
          style={{ height }}
          onPointerMove={point}
          onPointerLeave={() => setCell(undefined)}
        />
      </div>
      <footer className="loads-foot">
        <span>{count(map.step[0]!)}</span>
        <span className="loads-key">
          {text.times(0)} <i /> {text.times(3)}
        </span>
        <span>{count(map.step.at(-1)!)}</span>
      </footer>
    </section>
  )
}

/** One canvas pixel for each column; CSS stretches it without blurring. */
function paint(canvas: HTMLCanvasElement, { step, layers, experts, loads }: LoadMap, rowHeight: number): void {
  const context = canvas.getContext('2d')!
  context.clearRect(0, 0, canvas.width, canvas.height)
  const [idle, even, busy] = ['--load-idle', '--load-even', '--load-busy'].map(name => channels(`var(${name})`))
  for (let column = 0; column < step.length; column++) {
    for (let row = 0; row < layers * experts; row++) {
      const load = loads[column]![row]!
      context.fillStyle = load < 1 ? mix(idle!, even!, load) : mix(even!, busy!, Math.min(1, (load - 1) / 2))
      context.fillRect(column, row * rowHeight + Math.floor(row / experts) * gap, 1, rowHeight)
    }
  }
}

const channels = (colour: string): number[] => resolveColour(colour).match(/\d+/g)!.slice(0, 3).map(Number)

const mix = (from: readonly number[], to: readonly number[], part: number): string =>
  `rgb(${from.map((channel, i) => Math.round(channel + (to[i]! - channel) * part)).join(' ')})`
