import type { UpstreamConfig } from './config.ts'

/** What became of a request: `unknown` where it was not the server that ended it. */
export type Outcome = 'success' | 'failure' | 'unknown'

/** A request on its way through a circuit. */
export interface Passage {
  /** Its answer begins. */
  begun(): void
  /** It is over. */
  ended(outcome: Outcome): void
}

/**
 * Keeps requests away from a server on which they fail (Nygard, "Release It!", 2007). Closed, it lets all through, until
 * so many in a row have failed. Then it is open and lets none through for a pause. After that it is half open: one
 * request may try. If its answer begins, the circuit is closed again; if it fails, the next pause is twice as long.
 */
export class Circuit {
  readonly #terms: UpstreamConfig['circuit']
  readonly #now: () => number
  /** In a row. */
  #failures = 0
  /** How often it opened since it was closed last. */
  #openings = 0
  #openUntil = 0
  #isProbing = false

  /** `now`: a clock in milliseconds. */
  constructor(terms: UpstreamConfig['circuit'], now: () => number = () => performance.now()) {
    this.#terms = terms
    this.#now = now
  }

  get isClosed(): boolean {
    return this.#openings === 0
  }

  /** Whether a request may go through. */
  get admits(): boolean {
    return this.isClosed || (this.#now() >= this.#openUntil && !this.#isProbing)
  }

  /** Lets a request through. */
  enter(): Passage {
    let isProbe = !this.isClosed
    if (isProbe) this.#isProbing = true
    return {
      begun: () => {
        if (isProbe) this.#close()
        isProbe = false
      },
      ended: outcome => {
        if (isProbe) this.#isProbing = false
        // One that went out before the circuit opened has no news.
        else if (!this.isClosed) return
        if (outcome === 'success') this.#close()
        if (outcome === 'failure') this.#fail(isProbe)
      },
    }
  }

  /** Counts a failure that has come to light after the request was over. */
  blame(): void {
    if (this.admits) this.#fail(!this.isClosed)
  }

  #close(): void {
    this.#failures = 0
    this.#openings = 0
    this.#isProbing = false
  }

  #fail(isProbe: boolean): void {
    this.#failures++
    if (!isProbe && this.#failures < this.#terms.failures) return
    const { firstPause, longestPause } = this.#terms
    this.#openUntil = this.#now() + 1000 * Math.min(longestPause, firstPause * 2 ** this.#openings)
    this.#openings++
  }
}
