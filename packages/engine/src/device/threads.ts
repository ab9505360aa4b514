import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'

// Threads run the same kernel and share its tasks. A hand-over is one atomic word, the gate: the caller opens it with a
// new round; workers that spin on it see that within a microsecond and join; after a while without work they sleep.
// When the caller finds no task left it closes the gate and waits for those who joined, and only for them: a worker
// whose core the system took away holds up nobody.

/** Control words, as indices into the Int32Array over shared memory; each on its own cache line. */
export const control = { gate: 0, finished: 16, sleepers: 32, kernel: 48 } as const
/** The gate holds round · 256 + number of workers who joined, or this in place of the number. */
export const closed = 0xff
/** The argument block of the running kernel, in bytes from the start of memory. */
export const argumentBlock = 2048
/** Value of the kernel word that ends a worker. */
export const stopWord = -1

export type RunFunction = (args: number, thread: number, threads: number) => void

export interface WorkerStart {
  memory: WebAssembly.Memory
  thread: number
  threads: number
  /** Brings the modules of kernels, in the order of their numbers. */
  modules: MessagePort
}

export class ThreadPool {
  readonly threads: number
  private readonly words: Int32Array
  private readonly workers: { worker: Worker; modules: MessagePort }[] = []
  private readonly memory: WebAssembly.Memory
  private round = 0

  constructor(memory: WebAssembly.Memory, threads: number) {
    this.memory = memory
    this.threads = threads
    this.words = new Int32Array(memory.buffer, 0, 1024)
    this.words[control.gate] = closed
    for (let thread = 1; thread < threads; thread++) {
      const { port1, port2 } = new MessageChannel()
      const workerData: WorkerStart = { memory, thread, threads, modules: port2 }
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, transferList: [port2] })
      // A forgotten device must not keep the process alive.
      worker.unref()
      port1.unref()
      this.workers.push({ worker, modules: port1 })
    }
  }

  /** Instantiates the module here and sends it to the workers, who take it when they meet its number. */
  load(module: WebAssembly.Module): RunFunction {
    for (const { modules } of this.workers) modules.postMessage(module)
    return instantiate(module, this.memory)
  }

  /** Runs kernel number `kernel` on this thread and those workers who join, and returns when all are done. */
  run(kernel: number, run: RunFunction): void {
    const { words, threads } = this
    words[control.kernel] = kernel
    this.open()
    run(argumentBlock, 0, threads)
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
    this.words[control.kernel] = stopWord
    this.open()
    await Promise.all(this.workers.map(({ worker }) => worker.terminate()))
    for (const { modules } of this.workers) modules.close()
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

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): RunFunction {
  return new WebAssembly.Instance(module, { engine: { memory } }).exports.run as RunFunction
}
