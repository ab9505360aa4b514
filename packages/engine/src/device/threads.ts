import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'

// Threads run the same kernel on parts of the work. A hand-over is two atomic words in shared memory: the caller
// raises `epoch`, workers that spin on it see it within a microsecond; after a while without work they sleep.

/** Control words, as indices into the Int32Array over shared memory; each on its own cache line. */
export const control = { epoch: 0, done: 16, sleepers: 32, kernel: 48 } as const
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

  constructor(memory: WebAssembly.Memory, threads: number) {
    this.memory = memory
    this.threads = threads
    this.words = new Int32Array(memory.buffer, 0, 1024)
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

  /** Runs kernel number `kernel` on all threads and returns when all are done. */
  run(kernel: number, run: RunFunction): void {
    const { words, threads } = this
    words[control.kernel] = kernel
    Atomics.store(words, control.done, 0)
    Atomics.add(words, control.epoch, 1)
    if (Atomics.load(words, control.sleepers) > 0) Atomics.notify(words, control.epoch)
    run(argumentBlock, 0, threads)
    let spins = 0
    for (let done = Atomics.load(words, control.done); done < threads - 1; done = Atomics.load(words, control.done)) {
      // A worker that lost its core needs ours more than we do.
      if (++spins > 20_000) Atomics.wait(words, control.done, done, 0.2)
    }
  }

  async close(): Promise<void> {
    const { words } = this
    words[control.kernel] = stopWord
    Atomics.add(words, control.epoch, 1)
    Atomics.notify(words, control.epoch)
    await Promise.all(this.workers.map(({ worker }) => worker.terminate()))
    for (const { modules } of this.workers) modules.close()
    this.workers.length = 0
  }
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): RunFunction {
  return new WebAssembly.Instance(module, { engine: { memory } }).exports.run as RunFunction
}
