/** Everything the engine refuses, with a code that programs can test and a message that names the thing and the remedy. */
export class EngineError extends Error {
  readonly code: 'shape' | 'dtype' | 'index' | 'device' | 'memory' | 'gradient' | 'kernel'

  constructor(code: EngineError['code'], message: string) {
    super(message)
    this.name = 'EngineError'
    this.code = code
  }
}

/** Throws a `shape` error with `message()` unless `condition` holds. */
export function requireShape(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new EngineError('shape', message())
}
