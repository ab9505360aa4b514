import { AtomicFile } from '@modu/model/files'

const bufferedCharacters = 1 << 18

/** A file of lines that has its name only when it is whole. Errors: those of `AtomicFile`. */
export class LineFile {
  private readonly file: AtomicFile
  private waiting: string[] = []
  private waitingCharacters = 0

  constructor(path: string) {
    this.file = new AtomicFile(path)
  }

  add(line: string): void {
    this.waiting.push(line)
    this.waitingCharacters += line.length
    if (this.waitingCharacters > bufferedCharacters) this.flush()
  }

  /** Syncs the file and gives it its name. */
  finish(): void {
    this.flush()
    this.file.finish()
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.file.abandon()
  }

  private flush(): void {
    if (this.waiting.length === 0) return
    this.file.write(Buffer.from(`${this.waiting.join('\n')}\n`))
    this.waiting = []
    this.waitingCharacters = 0
  }
}
