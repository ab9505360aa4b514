import type { ServedModel } from '../servedModel.ts'
import type { Seat } from './seat.ts'

/** What computes the answers: all that the HTTP side knows of models, caches and threads. */
export interface Engine {
  /** By the names clients ask for, the default one first. */
  readonly models: ReadonlyMap<string, ServedModel>
  readonly load: Load
  /** Whether requests are taken; false while it has to be started anew. */
  readonly isReady: boolean
  /** A place for a request of `key`, which is given up when `signal` fires. */
  seat(key: string, signal: AbortSignal): Seat
  /** Lets nobody in any more and sends those in line away; who is seated may finish. */
  close(): void
  /** Gives memory and threads back, once nobody is seated any more. For after `close`. */
  release(): Promise<void>
}

/** What the engine is busy with. */
export interface Load {
  /** Requests being answered. */
  readonly running: number
  /** Requests in line. */
  readonly waiting: number
  /** The share of the caches that answers hold, from 0 to 1. */
  readonly cacheUsage: number
}
