/** One that was well is down after so many failed checks in a row: a busy server may miss one. */
const patience = 2

/** Asks a server again and again whether it lives. */
export class HealthCheck {
  readonly #check: () => Promise<void>
  readonly #every: number
  readonly #changed: (failure: Error | undefined) => void
  #failures = patience
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  /** `check` rejects if the server is not well; `every` in milliseconds; `changed` is told when it goes down or comes up. */
  constructor(check: () => Promise<void>, every: number, changed: (failure: Error | undefined) => void) {
    this.#check = check
    this.#every = every
    this.#changed = changed
  }

  get isHealthy(): boolean {
    return this.#failures < patience
  }

  /** Resolves after the first check, however it went. */
  async start(): Promise<void> {
    const wasHealthy = this.isHealthy
    const isFirst = this.#timer === undefined
    const failure = await this.#check().then(
      () => undefined,
      error => error as Error,
    )
    if (this.#isStopped) return
    this.#failures = failure ? this.#failures + 1 : 0
    if (isFirst ? failure : wasHealthy !== this.isHealthy) this.#changed(failure)
    this.#timer = setTimeout(() => this.start(), this.#every).unref()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }
}
