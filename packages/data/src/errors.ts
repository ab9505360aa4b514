/** What the corpus pipeline refuses, with a code that programs can test and a message that names the file and the remedy. */
export class DataError extends Error {
  readonly code: 'missing' | 'format' | 'empty'

  constructor(code: DataError['code'], message: string) {
    super(message)
    this.name = 'DataError'
    this.code = code
  }
}
