import { type LanguageModel, ModelError } from '@modu/model'
import { ApiError, stopping } from './errors.ts'
import { SequenceStore, type StoredSequence } from './sequenceStore.ts'
import { Shares } from './shares.ts'

/** How many requests are answered at the same time, and how many may wait for a seat. */
export interface SchedulerLimits {
  /** Requests that generate at the same time. */
  readonly seats: number
  /** Requests waiting in line for a seat; one more is refused with 429. */
  readonly line: number
  /** Memory for each model's cache, which those who are seated share. Default 512 MiB, or less if all contexts fit into less. */
  readonly cacheBytes?: number
}

/** A request's place among those that are answered. */
export interface Seat {
  /** A new sequence of tokens: what the seat had before is given up. */
  open(model: LanguageModel): OpenSequence
  /** Resolves when it is this request's turn for work of its own, done before the event loop turns; throws when the request has been given up. */
  turn(): Promise<void>
  /** Gives the sequence up and makes room for the next in line. May be called twice. */
  leave(): void
}

export interface OpenSequence {
  /**
   * Appends tokens, the whole prompt or the next one, and resolves with the logits behind them, which are to be used
   * before the event loop turns. Throws when the request has been given up. One at a time.
   */
  append(tokens: readonly number[]): Promise<Float32Array>
  /** Another sequence of the seat with the same tokens, which goes on by itself, in the same passes where it can. */
  fork(): OpenSequence
  /** Gives its pages up. */
  release(): void
  /** Tokens of the prompt that others had computed. */
  readonly reused: number
}

interface Seated {
  readonly key: string
  readonly signal: AbortSignal
  /** More than one where several ways of going on are tried. */
  readonly sequences: Set<StoredSequence>
}

/** What a seat waits for: the pending tokens of a sequence, or work of its own. */
interface Step {
  readonly key: string
  readonly seated: Seated
  readonly sequence: StoredSequence | undefined
  readonly done: PromiseWithResolvers<Float32Array | undefined>
}

interface InLine {
  readonly key: string
  readonly signal: AbortSignal
  readonly seat: PromiseWithResolvers<Seat>
}

/**
 * Continuous batching (Yu et al. 2022): at every step of the model those who are ready go on in one pass, by a token each or
 * by all of a short prompt, and between two such steps one longer prompt is read on by a piece, so that nobody holds up
 * others for long. Between two steps
 * the event loop runs once: sockets are read and written, new requests enter, and those who left are noticed.
 *
 * When pages run out, beginnings that nobody goes on with are forgotten first; then whoever came last gives up its pages
 * and is computed anew later, so that those who came first always go on.
 */
export class Scheduler {
  readonly #limits: SchedulerLimits
  readonly #shares = new Shares()
  readonly #stores = new Map<LanguageModel, SequenceStore>()
  /** In the order they came. */
  readonly #seated = new Set<Seated>()
  #line: InLine[] = []
  /** In the order they asked. */
  #steps: Step[] = []
  /** Steps for which there are no pages until somebody gives some up. */
  #stalled: Step[] = []
  #readLast = false
  #ticking = false
  #closed = false
  #releasing = false

  constructor(limits: SchedulerLimits) {
    this.#limits = limits
  }

  get running(): number {
    return this.#seated.size
  }

  get waiting(): number {
    return this.#line.length
  }

  /** Pages of caches that answers hold; those kept for later requests do not count. */
  get heldPages(): number {
    return this.#stores.values().reduce((sum, store) => sum + store.heldPages, 0)
  }

  /** The share of all pages that `heldPages` are. */
  get cacheUsage(): number {
    const pages = this.#stores.values().reduce((sum, { cache }) => sum + cache.pages, 0)
    return pages === 0 ? 0 : this.heldPages / pages
  }

  /**
   * A seat at once, or when it is the turn of `key`: first come within it. 429 when the line is full; rejects with the
   * reason if `signal` fires first.
   */
  async enter(signal: AbortSignal, key = ''): Promise<Seat> {
    signal.throwIfAborted()
    if (this.#closed) throw stopping()
    if (this.#seated.size < this.#limits.seats) {
      this.#shares.join(key)
      return this.#sit(signal, key)
    }
    if (this.#line.length >= this.#limits.line) {
      throw new ApiError(
        429,
        'server_busy',
        `The server is busy: ${this.running} requests are being answered and ${this.waiting} are waiting. Try again in a few seconds.`,
        { headers: { 'Retry-After': '2' } },
      )
    }
    const waiting: InLine = { key, signal, seat: Promise.withResolvers<Seat>() }
    this.#line.push(waiting)
    this.#shares.join(key)
    const giveUp = () => {
      this.#line = this.#line.filter(other => other !== waiting)
      this.#shares.part(key)
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
    for (const { seat, key } of this.#line.splice(0)) {
      this.#shares.part(key)
      seat.reject(stopping())
    }
  }

  /** Gives the caches back, as soon as nobody is seated any more. For after `close`. */
  release(): void {
    this.#releasing = true
    if (this.#seated.size > 0) return
    for (const { cache } of this.#stores.values()) cache.release()
    this.#stores.clear()
  }

  #sit(signal: AbortSignal, key: string): Seat {
    const seated: Seated = { key, signal, sequences: new Set() }
    this.#seated.add(seated)
    const ask = (sequence?: StoredSequence) => {
      const step: Step = { key, seated, sequence, done: Promise.withResolvers() }
      this.#steps.push(step)
      this.#tickSoon()
      return step.done.promise
    }
    const opened = (sequence: StoredSequence): OpenSequence => {
      seated.sequences.add(sequence)
      return {
        append: tokens => {
          for (const token of tokens) sequence.tokens.push(token)
          return ask(sequence) as Promise<Float32Array>
        },
        fork: () => opened(sequence.fork()),
        release: () => {
          sequence.giveUp()
          seated.sequences.delete(sequence)
          this.#resume()
        },
        get reused() {
          return sequence.reused
        },
      }
    }
    return {
      open: model => {
        giveUp(seated)
        seated.sequences.clear()
        this.#resume()
        return opened(this.#storeOf(model).open())
      },
      turn: async () => {
        await ask()
      },
      leave: () => {
        if (!this.#seated.delete(seated)) return
        giveUp(seated)
        seated.sequences.clear()
        this.#shares.part(key)
        if (this.#releasing) this.release()
        this.#resume()
        const [next] = this.#shares.order(this.#line)
        if (!next) return
        this.#line = this.#line.filter(other => other !== next)
        next.seat.resolve(this.#sit(next.signal, next.key))
      },
    }
  }

  #storeOf(model: LanguageModel): SequenceStore {
    let store = this.#stores.get(model)
    if (!store) {
      const { seats, cacheBytes = 512 * 2 ** 20 } = this.#limits
      const tokens = Math.min(seats * model.config.maxPositions, cacheBytes / model.cachedBytes)
      store = new SequenceStore(model, tokens)
      this.#stores.set(model, store)
    }
    return store
  }

  /** There may be pages again. */
  #resume(): void {
    if (this.#stalled.length === 0) return
    this.#steps.push(...this.#stalled.splice(0))
    this.#tickSoon()
  }

  #tickSoon(): void {
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(() => {
      this.#ticking = false
      this.#tick()
    })
  }

  /** One step of a model. Those who waited for it go on in the microtasks that follow, before the event loop turns. */
  #tick(): void {
    // Who has failed in one of several steps has left the others behind.
    const isOver = ({ seated, sequence }: Step) =>
      seated.signal.aborted || (sequence ? !seated.sequences.has(sequence) : !this.#seated.has(seated))
    for (const { done, seated } of this.#take(isOver)) done.reject(seated.signal.reason ?? new Error('given up'))
    const steps = this.#shares.order(this.#steps)
    for (const { sequence } of steps) sequence?.share()
    const short = steps.filter(({ sequence }) => sequence?.isShort)
    const others = steps.filter(({ sequence }) => !sequence?.isShort)
    this.#readLast = others.length > 0 && !(this.#readLast && short.length > 0)
    if (this.#readLast) this.#read(others[0]!)
    else if (short.length > 0) this.#goOn(short)
    if (this.#steps.length > 0) this.#tickSoon()
  }

  /** Reads a prompt, or what has been given up, on by a piece; or lets a seat do its own work. */
  #read(step: Step): void {
    const { sequence, done } = step
    this.#take(other => other === step)
    if (!sequence) {
      this.#shares.charge(step.key, 1)
      done.resolve(undefined)
      return
    }
    this.#run([step], () => {
      if (!this.#makeRoom(step)) return
      // Read together, a prompt's tokens take about an eighth of the time of an answer's.
      this.#shares.charge(step.key, sequence.chunk / 8)
      const logits = sequence.store.runChunk(sequence)
      if (logits) done.resolve(logits)
      else this.#steps.push(step)
    })
  }

  /** As many as can go on together. */
  #goOn(steps: Step[]): void {
    const { store } = steps[0]!.sequence!
    let rows = 0
    /** How many rows each has of the pass. */
    const going = new Map<Step, number>()
    for (const step of steps) {
      const { store: its, pending } = step.sequence!
      if (its !== store || rows + pending > store.cache.mostTogether) continue
      rows += pending
      going.set(step, pending)
    }
    this.#take(step => going.has(step))
    const together = [...going.keys()]
    this.#run(together, () => {
      // Making room for one may have taken another's pages, of which there is more to compute then.
      const isReady = (step: Step) => step.sequence!.hasRoom && step.sequence!.pending === going.get(step)
      const roomy = together.filter(step => this.#makeRoom(step))
      const ready = roomy.filter(isReady)
      this.#steps.push(...roomy.filter(step => !isReady(step)))
      if (ready.length === 0) return
      for (const { key, sequence } of ready) this.#shares.charge(key, sequence!.pending)
      const logits = store.runTogether(ready.map(({ sequence }) => sequence!))
      for (const [i, { done }] of ready.entries()) done.resolve(logits[i]!)
    })
  }

  /** What fails fails for those whose step it is, not for the server. */
  #run(steps: readonly Step[], work: () => void): void {
    try {
      work()
    } catch (error) {
      for (const { done } of steps) done.reject(error)
    }
  }

  /** Pages for a step's tokens. False if they have to wait until others give theirs up; a `context` error if none are left to wait for. */
  #makeRoom(step: Step): boolean {
    const sequence = step.sequence!
    const { store, cached, chunk } = sequence
    while (!cached.reserve(chunk)) {
      if (store.tree.evict()) continue
      const holders = [...this.#seated].filter(({ sequences }) =>
        sequences.values().some(({ store: its, cached }) => its === store && cached.pages.length > 0),
      )
      const last = holders.at(-1)!
      if (holders.length === 1 && last === step.seated) {
        const tokens = store.cache.pages * store.cache.pageTokens
        const message = `the prompt and its answer do not fit into the server's cache of ${tokens} tokens; shorten the prompt, or ask for fewer tokens`
        throw new ModelError('context', message)
      }
      giveUp(last)
      if (last !== step.seated) continue
      this.#stalled.push(step)
      return false
    }
    return true
  }

  /** Takes those out of the waiting steps that fulfil the condition. */
  #take(condition: (step: Step) => boolean): Step[] {
    const taken = new Set([...this.#steps, ...this.#stalled].filter(condition))
    if (taken.size > 0) {
      this.#steps = this.#steps.filter(step => !taken.has(step))
      this.#stalled = this.#stalled.filter(step => !taken.has(step))
    }
    return [...taken]
  }
}

/** Takes all pages of a seat's sequences; their tokens can be computed anew. */
function giveUp({ sequences }: Seated): void {
  for (const sequence of sequences) sequence.giveUp()
}
