import type { Usage } from '@modu/model'
import { setUsage } from './protocol.ts'

/** Events that came together, with the counts of those that have any. */
interface Arrival<E> {
  readonly events: readonly E[]
  readonly counts: readonly number[] | undefined
  /** How many of them have been read. */
  read: number
}

/**
 * The events of one answer as they arrive from another thread. What its reader has not taken yet waits here, of which
 * there is never more than one answer.
 */
export class Arrivals<E> implements AsyncIterableIterator<E> {
  readonly #waiting: Arrival<E>[] = []
  readonly #usage: Usage | undefined
  #reader: PromiseWithResolvers<IteratorResult<E>> | undefined
  /** That nothing more comes, and why. */
  #end: { readonly error?: unknown } | undefined

  /** `usage` is kept as it was when the event that its reader has got last was made. */
  constructor(usage?: Usage) {
    this.#usage = usage
  }

  /** The answer has begun: its prompt counts. */
  begin(usage: Usage): void {
    if (this.#usage) Object.assign(this.#usage, usage)
  }

  /** `counts`: the usage of each, as `countsOf` has it, one after the other. */
  push(events: readonly E[], counts?: readonly number[]): void {
    this.#waiting.push({ events, counts, read: 0 })
    this.#serve()
  }

  /** Behind what has arrived, there is no more, or an error. */
  end(end: { readonly error?: unknown } = {}): void {
    this.#end ??= end
    this.#serve()
  }

  /** The reader gets the error at once, instead of what waits. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#waiting.length = 0
    this.#serve()
  }

  next(): Promise<IteratorResult<E>> {
    if (this.#waiting.length > 0) return Promise.resolve(this.#take())
    this.#reader = Promise.withResolvers()
    const { promise } = this.#reader
    this.#serve()
    return promise
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #serve(): void {
    const reader = this.#reader
    if (!reader || !(this.#waiting.length > 0 || this.#end)) return
    this.#reader = undefined
    if (this.#waiting.length > 0) reader.resolve(this.#take())
    else if ('error' in this.#end!) reader.reject(this.#end.error)
    else reader.resolve({ done: true, value: undefined })
  }

  /** The next event, which counts from now on. */
  #take(): IteratorResult<E> {
    const arrival = this.#waiting[0]!
    const index = arrival.read++
    if (arrival.read === arrival.events.length) this.#waiting.shift()
    if (this.#usage && arrival.counts) setUsage(this.#usage, arrival.counts, index)
    return { done: false, value: arrival.events[index]! }
  }
}
