import { Worker } from 'node:worker_threads'
import { ChatTemplate, Tokenizer } from '@modu/model'
import { engineFailed } from '../errors.ts'
import type { Hooks, ServedModel } from '../servedModel.ts'
import type { Engine, Load } from './engine.ts'
import type { EngineLimits } from './localEngine.ts'
import {
  type Command,
  type Method,
  type ModelCard,
  type ModelSource,
  type Report,
  type ThreadStart,
  unpackError,
} from './protocol.ts'
import { RemoteSeat } from './remoteSeat.ts'
import type { Seat } from './seat.ts'

export interface EngineThreadOptions {
  /** Makes the models, in the thread: `checkpoints`, for example. */
  readonly source: ModelSource
  readonly limits?: EngineLimits
  /** Told when the thread has failed. Default: standard error. */
  readonly log?: (line: string) => void
  /**
   * Called when a thread that has failed does not come up again. Default: says so and ends the process, so that whoever
   * watches over it starts it anew.
   */
  readonly lost?: (error: Error) => void
}

/**
 * An engine in a thread of its own: however long a step of a model takes, the HTTP side does not wait for it.
 *
 * A failure of a model is that of the answers whose step it was, as in any engine. If the thread itself ends, all running
 * answers end with 503, the log says why, and the thread is started anew.
 */
export class EngineThread implements Engine {
  readonly models = new Map<string, ServedModel>()
  load: Load = idle
  readonly #options: EngineThreadOptions
  /** Undefined while it is being started. */
  #worker: Worker | undefined
  readonly #seats = new Map<number, RemoteSeat>()
  #seatsGiven = 0
  #isReleased = false

  private constructor(options: EngineThreadOptions) {
    this.#options = options
  }

  /** Resolves when the models are there. Errors: those of making them. */
  static async start(options: EngineThreadOptions): Promise<EngineThread> {
    const engine = new EngineThread(options)
    for (const card of await engine.#launch()) engine.models.set(card.name, remoteModel(card))
    return engine
  }

  get isReady(): boolean {
    return this.#worker !== undefined
  }

  seat(key: string, signal: AbortSignal): Seat {
    const id = this.#seatsGiven++
    const worker = this.#worker
    const seat = new RemoteSeat(key, signal, order => {
      worker?.postMessage({ ...order, seat: id } satisfies Command)
      if (order.type === 'leave') this.#seats.delete(id)
    })
    if (!worker) seat.fail(engineFailed())
    this.#seats.set(id, seat)
    return seat
  }

  close(): void {
    this.#worker?.postMessage({ type: 'close' } satisfies Command)
  }

  async release(): Promise<void> {
    this.#isReleased = true
    await this.#worker?.terminate()
  }

  async #launch(): Promise<readonly ModelCard[]> {
    const { source, limits = {} } = this.#options
    const workerData: ThreadStart = { source, limits }
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData, execArgv: warningFlags })
    const ready = Promise.withResolvers<readonly ModelCard[]>()
    let failure: unknown
    worker.on('message', (report: Report) => {
      if (report.type === 'ready') ready.resolve(report.models)
      else if (report.type === 'broken') ready.reject(unpackError(report.error))
      else {
        this.load = report.load
        for (const news of report.news) this.#seats.get(news.seat)?.receive(news)
      }
    })
    worker.on('error', error => {
      failure = error
    })
    worker.on('exit', code => {
      const cause = failure ?? new Error(`The engine's thread ended with code ${code}.`)
      ready.reject(cause)
      if (this.#worker === worker) this.#revive(cause)
    })
    const cards = await ready.promise
    // What keeps a server up is that it listens, not that it could compute.
    worker.unref()
    this.#worker = worker
    return cards
  }

  #revive(cause: unknown): void {
    this.#worker = undefined
    this.load = idle
    for (const seat of this.#seats.values()) seat.fail(engineFailed())
    if (this.#isReleased) return
    const { log = line => process.stderr.write(`${line}\n`), lost = endProcess } = this.#options
    log(`The engine's thread has failed and is started anew. ${(cause as Error)?.stack ?? cause}`)
    this.#launch().catch(lost)
  }
}

const idle: Load = { running: 0, waiting: 0, cacheUsage: 0 }

/** Of the process's own flags the thread needs only these; `--input-type`, for example, would stop it. */
const warningFlags = process.execArgv.filter(flag => /^--(no-warnings|disable-warning)/.test(flag))

function endProcess(error: Error): void {
  process.stderr.write(`The engine cannot be started anew, so the server ends. ${error?.stack ?? error}\n`)
  process.exit(1)
}

/** The model as this side knows it; it asks for answers on seats of the engine. */
function remoteModel({ name, contextLength, tokenizer, template }: ModelCard): ServedModel {
  const ask = <E>(method: Method, { seat, signal: _, usage, ...options }: Hooks, ...input: unknown[]) =>
    (seat as RemoteSeat).ask<E>(name, method, [...input, options], usage)
  return {
    contextLength,
    tokenizer: new Tokenizer(tokenizer.json, tokenizer.config),
    template: template === undefined ? undefined : new ChatTemplate(template),
    chat: (messages, request) => ask('chat', request, messages),
    complete: (prompt, options) => ask('complete', options, prompt),
    promptLogprobs: (prompt, top, hooks) => only(ask('promptLogprobs', hooks, prompt, top)),
    embed: (prompt, hooks) => only(ask('embed', hooks, prompt)),
  }
}

async function only<T>(events: AsyncIterable<T>): Promise<T> {
  for await (const event of events) return event
  throw new Error('The engine has answered nothing.')
}
