export { ServeError } from './errors.ts'
export { type RunningServer, type ServeOptions, serve, stopOnSignals } from './serve.ts'
export type { ServedModel } from './servedModel.ts'
