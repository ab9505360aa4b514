/**
 * What a deployment refuses, with a code that programs can test and a message that names the thing and the remedy.
 * `option`: a value that cannot be. `memory`: the model or its cache does not fit.
 */
export class DeployError extends Error {
  readonly code: 'option' | 'memory'

  constructor(code: DeployError['code'], message: string) {
    super(message)
    this.name = 'DeployError'
    this.code = code
  }
}
