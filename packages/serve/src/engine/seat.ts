/** A request's place at the engine, which its answers take one after the other. */
export interface Seat {
  /**
   * Resolves when it is this request's turn. Rejects with the complaint of the model about what has been asked for on
   * this seat before, so that nobody waits in line to hear it; with ApiError 429 when the line is full; with the
   * signal's reason.
   */
  enter(): Promise<void>
  /** Breaks off what still runs and makes room for the next in line. May be called twice. */
  leave(): void
}
