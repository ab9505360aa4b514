import type { Points, Progress } from '@modu/dashboard'
import type { Axis } from './preferences.ts'

/** Where `steps` lie on the axis: between two known steps in proportion. Both lists ascend. */
export function along(axis: Axis, steps: readonly number[], progress: Progress): number[] {
  const { step: known, [axis]: values } = progress
  if (axis === 'step' || known.length === 0) return [...steps]
  let i = 0
  return steps.map(step => {
    while (i < known.length - 1 && known[i]! < step) i++
    const [from, to] = [known[i - 1] ?? 0, known[i]!]
    const [low, high] = [values[i - 1] ?? 0, values[i]!]
    return low + ((high - low) * (Math.min(step, to) - from)) / Math.max(1, to - from)
  })
}

/**
 * The moving average in which each value further back weighs `weight` times as much as the one after it. The mean of
 * what there is so far, rather than one that begins at zero.
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let sum = 0
  let total = 0
  return values.map(value => {
    sum = sum * weight + value
    total = total * weight + 1
    return sum / total
  })
}

export interface Curve {
  readonly name: string
  /** A CSS colour. */
  readonly colour: string
  readonly x: number[]
  readonly y: number[]
  /** What lies behind a smoothed curve. */
  readonly low?: number[]
  readonly high?: number[]
}

/** A series as a curve; with a `smoothing` above 0 its real values lie behind it. */
export function curve(
  name: string,
  colour: string,
  { step, mean, low = mean, high = mean }: Points,
  progress: Progress,
  axis: Axis,
  smoothing = 0,
): Curve {
  const x = along(axis, step, progress)
  return smoothing > 0 || low !== mean
    ? { name, colour, x, y: smooth(mean, smoothing), low, high }
    : { name, colour, x, y: mean }
}
