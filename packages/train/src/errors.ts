/**
 * What training refuses, with a code that programs can test and a message that names the thing and the remedy.
 * `recipe`: a recipe that cannot be run. `run`: a run folder that belongs to something else, or is in use.
 * `start`: a checkpoint that training cannot begin with. `resources`: a run that does not fit into memory or on the disk. `disk`: writing failed. `diverged`: the loss is no longer a number.
 */
export class TrainError extends Error {
  readonly code: 'recipe' | 'run' | 'start' | 'resources' | 'disk' | 'diverged'

  constructor(code: TrainError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TrainError'
    this.code = code
  }
}
