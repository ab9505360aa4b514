/**
 * Everything the model package refuses, with a code that programs can test and a message that names the thing and the
 * remedy. `missing`: a file, folder, shard or tensor is not there. `format`: a file is damaged or not what it claims to
 * be. `shape`: a tensor does not fit the configuration. `config`: a configuration that cannot be run as it stands.
 * `context`: more tokens than fit. `token`: an id outside the vocabulary. `option`: an argument out of its range.
 * `template`: a chat template or conversation that cannot be rendered. `file`: writing failed.
 */
export type ModelErrorCode =
  | 'missing'
  | 'format'
  | 'shape'
  | 'config'
  | 'context'
  | 'token'
  | 'option'
  | 'template'
  | 'file'

export class ModelError extends Error {
  readonly code: ModelErrorCode

  constructor(code: ModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ModelError'
    this.code = code
  }
}
