import type { Points } from './protocol.ts'

/** Six digits say all that a plot can show, in a third of the bytes. */
const short = (value: number): number => Number(value.toPrecision(6))

/** The numbers of one field, by step. */
export class Series {
  readonly #steps: number[] = []
  readonly #values: number[] = []

  get length(): number {
    return this.#values.length
  }

  add(step: number, value: number): void {
    this.#steps.push(step)
    this.#values.push(value)
  }

  /** Mean of the last `count` values; undefined if there are none. */
  recent(count: number): number | undefined {
    const last = this.#values.slice(-count)
    return last.length === 0 ? undefined : last.reduce((sum, value) => sum + value, 0) / last.length
  }

  /** Every value from index `from` on. */
  since(from: number): Points {
    return { step: this.#steps.slice(from), mean: this.#values.slice(from).map(short) }
  }

  /** The whole series in at most `most` points, each the mean and the extremes of equally many neighbours. */
  thinned(most: number): Points {
    const size = Math.ceil(this.length / most)
    if (size <= 1) return this.since(0)
    const points = { step: [] as number[], mean: [] as number[], low: [] as number[], high: [] as number[] }
    for (let from = 0; from < this.length; from += size) {
      const group = this.#values.slice(from, from + size)
      points.step.push(this.#steps[from + group.length - 1]!)
      points.mean.push(short(group.reduce((sum, value) => sum + value, 0) / group.length))
      points.low.push(short(Math.min(...group)))
      points.high.push(short(Math.max(...group)))
    }
    return points
  }
}
