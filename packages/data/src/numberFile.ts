import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AtomicFile } from '@modu/model/files'

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** What the numbers of a file are; they lie there little-endian and bare. */
export interface NumberType {
  readonly BYTES_PER_ELEMENT: number
  new (length: number): Numbers
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Numbers written at once. */
const writtenLength = 1 << 15

/** A file of numbers that grows, and has its name only when it is whole. Errors: those of `AtomicFile`. */
export class NumberFileWriter {
  private readonly file: AtomicFile
  private readonly waiting: Numbers
  private used = 0

  constructor(path: string, type: NumberType) {
    this.file = new AtomicFile(path)
    this.waiting = new type(writtenLength)
  }

  add(number: number): void {
    if (this.used === writtenLength) this.flush()
    this.waiting[this.used++] = number
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
    this.file.write(bytesOf(this.waiting.subarray(0, this.used)))
    this.used = 0
  }
}

/** Numbers read at once where fewer are asked for, so that what stands close together costs one read. */
const blockLength = 1024

/** Closes the files that nobody can read from any more. */
const unreachable = new FinalizationRegistry<number>(descriptor => closeSync(descriptor))

/** The numbers of a file, which stays open: only what is asked for is read, and one block kept. */
export class NumberFile {
  readonly length: number
  private readonly type: NumberType
  private readonly descriptor: number
  private block: Numbers
  private blockFrom = -1

  constructor(path: string, type: NumberType) {
    this.type = type
    this.block = new type(0)
    this.descriptor = openSync(path, 'r')
    unreachable.register(this, this.descriptor)
    this.length = fstatSync(this.descriptor).size / type.BYTES_PER_ELEMENT
  }

  at(index: number): number {
    return this.read(index, index + 1)[0]!
  }

  /** The numbers from … to), valid until the next reading. */
  read(from: number, to: number): Numbers {
    const blockFrom = from - (from % blockLength)
    if (to - blockFrom > blockLength) return this.load(from, to)
    if (blockFrom !== this.blockFrom) {
      this.block = this.load(blockFrom, Math.min(this.length, blockFrom + blockLength))
      this.blockFrom = blockFrom
    }
    return this.block.subarray(from - blockFrom, to - blockFrom)
  }

  private load(from: number, to: number): Numbers {
    const numbers = new this.type(to - from)
    const bytes = bytesOf(numbers)
    const begin = from * this.type.BYTES_PER_ELEMENT
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.descriptor, bytes, done, bytes.length - done, begin + done)
      if (count === 0) throw new RangeError(`the file ends before number ${to}`)
      done += count
    }
    return numbers
  }
}
