import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const chunkBytes = 4 * 1024 * 1024

/** Reads a growing file of lines piece by piece. */
export class LineTail {
  readonly #path: string
  #offset = 0
  #inode = 0

  constructor(path: string) {
    this.#path = path
  }

  /**
   * The lines completed since the call before; a line without its end waits for the rest. `restarted` says that the
   * file is another one than before, replaced or cut back (a resumed training does so), and is read from its beginning.
   */
  read(): { readonly lines: string[]; readonly restarted: boolean } {
    let file: number
    try {
      file = openSync(this.#path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      const restarted = this.#offset > 0
      this.#offset = 0
      return { lines: [], restarted }
    }
    try {
      const { ino, size } = fstatSync(file)
      const restarted = this.#offset > 0 && (ino !== this.#inode || size < this.#offset)
      if (restarted) this.#offset = 0
      this.#inode = ino
      return { lines: this.#completed(file, size), restarted }
    } finally {
      closeSync(file)
    }
  }

  #completed(file: number, size: number): string[] {
    const lines: string[] = []
    let rest = Buffer.alloc(0)
    for (let at = this.#offset; at < size; ) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, size - at))
      const count = readSync(file, chunk, 0, chunk.length, at)
      if (count === 0) break
      at += count
      const text = Buffer.concat([rest, chunk.subarray(0, count)])
      const end = text.lastIndexOf('\n') + 1
      for (const line of text.toString('utf8', 0, end).split('\n')) if (line !== '') lines.push(line)
      this.#offset += end
      rest = text.subarray(end)
    }
    return lines
  }
}
