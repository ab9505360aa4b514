import { Worker } from 'node:worker_threads'
import type { Backend, RunnerSource } from './backend.ts'
import { controlBytes } from './memory.ts'

// Threads run the same job, a list of calls of kernels, and share the tasks of each call. A hand-over is one atomic
// word, the gate: the caller opens it with a new round; workers that spin on it see that within a microsecond and join;
// after a while without work they sleep. When the caller has run the list it closes the gate and waits for those who
// joined, and only for them: a worker whose core the system took away holds up nobody.

/** Control words, as indices into the Int32Array over shared memory; what is written while others wait on a cache line of its own. */
export const control = { gate: 0, finished: 16, sleepers: 32, list: 48, count: 49 } as const
/** The gate holds round · 256 + number of workers who joined, or this in place of the number. */
export const closed = 0xff
/** Number of calls that ends a worker. */
export const stop = -1

export interface WorkerStart {
  memory: WebAssembly.Memory
  thread: number
  runner: RunnerSource
}

/** Of the process's own flags workers need only these; `--input-type`, for example, would stop them. */
const warningFlags = process.execArgv.filter(flag => /^--(no-warnings|disable-warning)/.test(flag))

export class ThreadPool {
  private readonly words: Int32Array
  private readonly backend: Backend
  private readonly workers: Worker[] = []
  private round = 0

  /** Starts `threads` − 1 workers beside the calling thread. */
  constructor(memory: WebAssembly.Memory, threads: number, backend: Backend) {
    this.backend = backend
    this.words = new Int32Array(memory.buffer, 0, controlBytes / 4)
    this.words[control.gate] = closed
    for (let thread = 1; thread < threads; thread++) {
      const workerData: WorkerStart = { memory, thread, runner: backend.workers }
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, execArgv: warningFlags })
      // A forgotten device must not keep the process alive.
      worker.unref()
      this.workers.push(worker)
    }
  }

  /** Runs the list of calls on this thread and those workers who join, and returns when all are done. */
  run(list: number, count: number): void {
    const { words, backend } = this
    words[control.list] = list
    words[control.count] = count
    this.open()
    backend.run(list, count, 0)
    const joined = Atomics.or(words, control.gate, closed) & closed
    let spins = 0
    for (;;) {
      const finished = Atomics.load(words, control.finished)
      if (finished === joined) return
      // A worker that lost its core in the middle of a task needs ours more than we do.
      if (++spins > 20_000) Atomics.wait(words, control.finished, finished, 0.2)
    }
  }

  async close(): Promise<void> {
    this.words[control.count] = stop
    this.open()
    await Promise.all(this.workers.map(worker => worker.terminate()))
    this.workers.length = 0
  }

  private open(): void {
    const { words } = this
    words[control.finished] = 0
    this.round = (this.round + 1) & 0x7f_ffff
    Atomics.store(words, control.gate, this.round << 8)
    if (Atomics.load(words, control.sleepers) > 0) Atomics.notify(words, control.gate)
  }
}
