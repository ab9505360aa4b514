import { Worker } from 'node:worker_threads'

/** Of the process's own flags threads need only these; `--input-type`, for example, would stop them. */
const warningFlags = process.execArgv.filter(flag => /^--(no-warnings|disable-warning)/.test(flag))

interface Thread<Answer> {
  readonly worker: Worker
  /** Who waits for the answers still to come, in their order. */
  readonly waiting: PromiseWithResolvers<Answer>[]
}

/**
 * At most `count` threads that run `module` with `workerData` and answer every message with one of their own. They start
 * when they are first needed.
 */
export class Threads<Question, Answer> {
  private readonly threads: Thread<Answer>[] = []
  private readonly module: URL
  private readonly workerData: unknown
  private readonly count: number

  constructor(module: URL, workerData: unknown, count: number) {
    this.module = module
    this.workerData = workerData
    this.count = count
  }

  /** The answer of the thread that has least to do. Rejects if the thread fails. */
  ask(question: Question): Promise<Answer> {
    const free = this.threads.find(({ waiting }) => waiting.length === 0)
    const thread = free ?? (this.threads.length < this.count ? this.start() : this.leastBusy())
    const answer = Promise.withResolvers<Answer>()
    // Who stops at an error asks for no further answers, so nobody may be left to hear that they failed, too.
    answer.promise.catch(() => {})
    thread.waiting.push(answer)
    thread.worker.postMessage(question)
    return answer.promise
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()))
  }

  private leastBusy(): Thread<Answer> {
    return this.threads.reduce((least, thread) => (thread.waiting.length < least.waiting.length ? thread : least))
  }

  private start(): Thread<Answer> {
    const worker = new Worker(this.module, { workerData: this.workerData, execArgv: warningFlags })
    const waiting: PromiseWithResolvers<Answer>[] = []
    worker.on('message', (answer: Answer) => waiting.shift()!.resolve(answer))
    worker.on('error', error => {
      for (const { reject } of waiting.splice(0)) reject(error)
    })
    const thread = { worker, waiting }
    this.threads.push(thread)
    return thread
  }
}
