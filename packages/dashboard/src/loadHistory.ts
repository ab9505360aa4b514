import type { LoadMap } from './protocol.ts'

/** Half as many columns as a map has at most: fewer where experts are many, so that it has not too many cells. */
const halfOf = (experts: number): number => Math.max(8, Math.min(160, Math.floor(30_000 / experts)))

/** How tokens were spread over experts in the course of a run, in few columns of equally many steps. */
export class LoadHistory {
  #layers = 0
  #experts = 0
  #steps: number[] = []
  #loads: number[][] = []
  /** Lines that make a column, and those that wait for theirs to be full. */
  #size = 1
  #waiting: number[][] = []
  /** Rises whenever the map changes. */
  version = 0

  /** `counts`: for each mixture of experts, of which there is one, how many tokens each expert got. */
  add(step: number, counts: readonly (readonly number[])[]): void {
    this.#layers = counts.length
    this.#experts = counts[0]?.length ?? 0
    this.#waiting.push(
      counts.flatMap(layer => {
        const sum = layer.reduce((a, b) => a + b, 0)
        return layer.map(count => (count * layer.length) / Math.max(1, sum))
      }),
    )
    if (this.#waiting.length < this.#size) return
    this.#steps.push(step)
    this.#loads.push(meanOf(this.#waiting))
    this.#waiting = []
    this.version++
    if (this.#steps.length === 2 * halfOf(this.#layers * this.#experts)) this.#halve()
  }

  /** Undefined before the first line with loads. */
  map(): LoadMap | undefined {
    if (this.#steps.length === 0) return undefined
    const loads = this.#loads.map(column => column.map(load => Math.round(load * 100) / 100))
    return { step: this.#steps, layers: this.#layers, experts: this.#experts, loads }
  }

  #halve(): void {
    this.#steps = this.#steps.filter((_, i) => i % 2 === 1)
    this.#loads = this.#steps.map((_, i) => meanOf([this.#loads[2 * i]!, this.#loads[2 * i + 1]!]))
    this.#size *= 2
  }
}

const meanOf = (rows: readonly (readonly number[])[]): number[] =>
  rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length)
