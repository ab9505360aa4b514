import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const bufferedCharacters = 1 << 18

/** A file of lines that grows under a temporary name and has its own only when it is whole. */
export class LineFile {
  private readonly path: string
  private readonly temporary: string
  private readonly descriptor: number
  private waiting: string[] = []
  private waitingCharacters = 0

  constructor(path: string) {
    this.path = path
    this.temporary = `${path}.${process.pid}.tmp`
    mkdirSync(dirname(path), { recursive: true })
    this.descriptor = openSync(this.temporary, 'w')
  }

  add(line: string): void {
    this.waiting.push(line)
    this.waitingCharacters += line.length
    if (this.waitingCharacters > bufferedCharacters) this.flush()
  }

  /** Syncs the file and gives it its name. */
  finish(): void {
    this.flush()
    fsyncSync(this.descriptor)
    closeSync(this.descriptor)
    renameSync(this.temporary, this.path)
  }

  /** Leaves nothing behind. */
  abandon(): void {
    closeSync(this.descriptor)
    rmSync(this.temporary, { force: true })
  }

  private flush(): void {
    if (this.waiting.length === 0) return
    const bytes = Buffer.from(`${this.waiting.join('\n')}\n`)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.descriptor, bytes, done)
    this.waiting = []
    this.waitingCharacters = 0
  }
}
