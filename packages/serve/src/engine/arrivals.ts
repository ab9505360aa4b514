import type { Usage } from '@modu/model'

interface Arrival<E> {
  readonly event: E
  readonly usage: Usage | undefined
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
    this.#count(usage)
  }

  push(event: E, usage?: Usage): void {
    this.#waiting.push({ event, usage })
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
    const first = this.#waiting[0]
    if (!reader || !(first || this.#end)) return
    this.#reader = undefined
    if (first) {
      this.#waiting.shift()
      this.#count(first.usage)
      reader.resolve({ done: false, value: first.event })
    } else if ('error' in this.#end!) reader.reject(this.#end.error)
    else reader.resolve({ done: true, value: undefined })
  }

  #count(usage: Usage | undefined): void {
    if (this.#usage) Object.assign(this.#usage, usage)
  }
}
