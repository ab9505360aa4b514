import { ApiError, stopping } from './errors.ts'

/** How many requests take turns, and how many may wait for a seat. */
export interface SchedulerLimits {
  /** Requests generating at the same time; each holds a cache in memory. */
  readonly seats: number
  /** Requests waiting in line for a seat; one more is refused with 429. */
  readonly line: number
}

/** A request's place among those that take turns. */
export interface Seat {
  /** Resolves when it is this request's turn for one step of the model; throws when the request has been given up. One at a time. */
  turn(): Promise<void>
  /** Makes room for the next in line. May be called twice. */
  leave(): void
}

interface Seated {
  readonly signal: AbortSignal
  /** The step that wants to run. */
  step: PromiseWithResolvers<void> | undefined
}

interface InLine {
  readonly signal: AbortSignal
  readonly seat: PromiseWithResolvers<Seat>
}

/**
 * Lets several requests share one model fairly: round robin over the seats, one step (a token, or a chunk of the prompt)
 * each. Between two steps the event loop runs once, so that sockets are read and
 * written, new requests enter and those who left are noticed before the next step.
 */
export class TurnScheduler {
  readonly #limits: SchedulerLimits
  /** In the order of their next turn. */
  #seated: Seated[] = []
  #line: InLine[] = []
  #ticking = false
  #closed = false

  constructor(limits: SchedulerLimits) {
    this.#limits = limits
  }

  get running(): number {
    return this.#seated.length
  }

  get waiting(): number {
    return this.#line.length
  }

  /** A seat at once, or in order of arrival. 429 when the line is full; rejects with the reason if `signal` fires first. */
  async enter(signal: AbortSignal): Promise<Seat> {
    signal.throwIfAborted()
    if (this.#closed) throw stopping()
    if (this.#seated.length < this.#limits.seats) return this.#sit(signal)
    if (this.#line.length >= this.#limits.line) {
      throw new ApiError(
        429,
        'server_busy',
        `The server is busy: ${this.running} requests are being answered and ${this.waiting} are waiting. Try again in a few seconds.`,
        { headers: { 'Retry-After': '2' } },
      )
    }
    const waiting: InLine = { signal, seat: Promise.withResolvers<Seat>() }
    this.#line.push(waiting)
    const giveUp = () => {
      this.#line = this.#line.filter(other => other !== waiting)
      waiting.seat.reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      return await waiting.seat.promise
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  /** Lets nobody in any more and sends those in line away; who is seated may finish. */
  close(): void {
    this.#closed = true
    for (const { seat } of this.#line.splice(0)) seat.reject(stopping())
  }

  #sit(signal: AbortSignal): Seat {
    const seated: Seated = { signal, step: undefined }
    this.#seated.push(seated)
    return {
      turn: () => {
        seated.step = Promise.withResolvers<void>()
        this.#tickSoon()
        return seated.step.promise
      },
      leave: () => {
        if (!this.#seated.includes(seated)) return
        this.#seated = this.#seated.filter(other => other !== seated)
        const next = this.#line.shift()
        if (next) next.seat.resolve(this.#sit(next.signal))
      },
    }
  }

  #tickSoon(): void {
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(() => {
      this.#ticking = false
      this.#tick()
    })
  }

  /** Grants one step. It runs to its end in the microtasks that follow, before the event loop's next round. */
  #tick(): void {
    const seated = this.#seated.find(({ step }) => step)
    if (!seated) return
    this.#seated = [...this.#seated.filter(other => other !== seated), seated]
    const { step, signal } = seated
    seated.step = undefined
    if (signal.aborted) step!.reject(signal.reason)
    else step!.resolve()
    if (this.#seated.some(({ step }) => step)) this.#tickSoon()
  }
}
