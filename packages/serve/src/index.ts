export { ServeError } from './errors.ts'
export { type RunningServer, type ServeOptions, serve, stopOnSignals } from './serve.ts'
