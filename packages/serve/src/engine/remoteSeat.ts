import type { Usage } from '@modu/model'
import { Arrivals } from './arrivals.ts'
import { type Happening, type Method, type Order, unpackError, unpackEvent } from './protocol.ts'
import type { Seat } from './seat.ts'

/** A seat in another thread. */
export class RemoteSeat implements Seat {
  readonly #signal: AbortSignal
  readonly #tell: (order: Order) => void
  readonly #entered = Promise.withResolvers<void>()
  readonly #answers: Arrivals<unknown>[] = []
  /** Why nothing more comes. */
  #failure: { readonly error: unknown } | undefined
  #hasLeft = false

  /** `tell` takes orders to the thread, the last of which is `leave`. */
  constructor(key: string, signal: AbortSignal, tell: (order: Order) => void) {
    this.#signal = signal
    this.#tell = tell
    // Who does not ask for the way in need not hear that there is none.
    this.#entered.promise.catch(() => {})
    tell({ type: 'sit', key })
    if (signal.aborted) this.#giveUp()
    else signal.addEventListener('abort', this.#giveUp)
  }

  /** The events of a model's method that streams them, or what another one returns, as the only event. */
  ask<E>(model: string, method: Method, args: readonly unknown[], usage?: Usage): AsyncIterable<E> {
    const arrivals = new Arrivals<E>(usage)
    if (this.#failure) arrivals.fail(this.#failure.error)
    else {
      const answer = this.#answers.push(arrivals as Arrivals<unknown>) - 1
      this.#tell({ type: 'ask', answer, model, method, args })
    }
    return arrivals
  }

  enter(): Promise<void> {
    if (!this.#failure) this.#tell({ type: 'enter' })
    return this.#entered.promise
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#signal.removeEventListener('abort', this.#giveUp)
    this.#tell({ type: 'leave' })
  }

  receive(happening: Happening): void {
    switch (happening.type) {
      case 'entered':
        this.#entered.resolve()
        break
      case 'refused':
        this.#entered.reject(unpackError(happening.error))
        break
      case 'begun':
        this.#answers[happening.answer]!.begin(happening.usage)
        break
      case 'events':
        this.#answers[happening.answer]!.push(happening.events.map(unpackEvent), happening.counts)
        break
      case 'value':
        this.#answers[happening.answer]!.push([happening.value])
        break
      case 'end':
        this.#answers[happening.answer]!.end()
        break
      case 'failed': {
        const error = unpackError(happening.error)
        this.#answers[happening.answer]!.end({ error })
        // If it was a complaint about what has been asked for, there is no reason to wait in line.
        this.#entered.reject(error)
      }
    }
  }

  /** Ends all that is going on here, and all that is asked for later. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#entered.reject(error)
    for (const answer of this.#answers) answer.fail(error)
  }

  readonly #giveUp = () => {
    this.fail(this.#signal.reason)
    this.leave()
  }
}
