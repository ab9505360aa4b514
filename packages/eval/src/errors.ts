/**
 * What an evaluation refuses, with a code that programs can test and a message that names the file and line and the
 * remedy. `missing`: no such file. `format`: a row that cannot be read. `empty`: nothing to measure. `config`: a model
 * that cannot be measured this way.
 */
export class EvaluationError extends Error {
  readonly code: 'missing' | 'format' | 'empty' | 'config'

  constructor(code: EvaluationError['code'], message: string) {
    super(message)
    this.name = 'EvaluationError'
    this.code = code
  }
}
