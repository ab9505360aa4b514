import { EngineError } from '../errors.ts'
import { callEntry, taskSlot } from '../kernel/abi.ts'
import { argumentBytes, type CallWriter, type LoadedKernel, numbersOf, type Scratch } from './calls.ts'
import type { Recording } from './device.ts'
import { Arena, type SharedHeap } from './memory.ts'

/** Temporaries and argument blocks of a recording lie in chunks of this size. */
const chunkBytes = 1 << 18

interface NotedCall {
  readonly loaded: LoadedKernel
  readonly block: number
  readonly threads: number
  readonly scratch: Scratch | undefined
}

/** A recording in the making: calls with argument blocks of their own, in memory that nothing else uses. */
export class CallRecorder {
  readonly arena: Arena
  private readonly heap: SharedHeap
  private readonly writer: CallWriter
  private readonly calls: NotedCall[] = []

  constructor(heap: SharedHeap, writer: CallWriter) {
    this.heap = heap
    this.writer = writer
    this.arena = new Arena(heap, chunkBytes)
  }

  /** Notes a call that shares its work for `threads` threads. */
  note(loaded: LoadedKernel, args: Parameters<CallWriter['parameters']>[1], threads: number, scratch?: Scratch): void {
    const block = this.arena.allocate(argumentBytes(loaded))
    this.writer.parameters(loaded, args, block)
    this.calls.push({ loaded, block, threads, scratch })
  }

  /** Ends the recording. `threads` of the device may take tasks; `run` runs a list of calls on them. */
  finish<T>(result: T, threads: number, run: (list: number, count: number) => void): Recording<T> {
    const { arena, calls, heap, writer } = this
    this.provideScratch(threads)
    const list = arena.allocate(callEntry.bytes * calls.length)
    for (const [i, { loaded, block, threads }] of calls.entries()) {
      const entry = list + callEntry.bytes * i
      writer.entry(entry, loaded.code, block)
      writer.threads(entry, threads)
    }
    const counters = this.counters()
    let released = false
    return {
      result,
      replay() {
        if (released) throw new EngineError('memory', 'the recording has been released; make a new one')
        const { words } = heap
        for (const counter of counters) {
          words[counter] = 0
          words[counter + taskSlot.done / 4] = 0
        }
        run(list, calls.length)
      },
      release() {
        released = true
        arena.release()
      },
    }
  }

  /**
   * All calls use the same scratch: no task of one begins before those of the call before it are done. Every thread has
   * the same part of it in all calls, because a late one may still be at the beginning of a call that others have left.
   */
  private provideScratch(threads: number): void {
    const needs = this.calls.flatMap(({ scratch }) => scratch ?? [])
    const most = {
      shared: Math.max(0, ...needs.map(({ shared }) => shared)),
      perThread: Math.max(0, ...needs.map(({ perThread }) => perThread)),
    }
    const place = this.arena.allocate(4 * numbersOf(most, threads))
    for (const { loaded, block, scratch } of this.calls) {
      if (scratch) this.writer.scratch(loaded, most, place, block)
    }
  }

  /** Where the task counters of all calls are, as indices of words. */
  private counters(): Uint32Array {
    const places = this.calls.flatMap(({ loaded, block }) =>
      Array.from({ length: loaded.taskSlots }, (_, i) => (block + taskSlot.bytes * i) / 4),
    )
    return Uint32Array.from(places)
  }
}
