import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ServeError } from '@modu/serve/http'
import type { Dashboard, DashboardOptions } from './server.ts'

/** What the thread says when it listens, or why it does not. */
export type Started = { readonly url: string } | { readonly code: ServeError['code']; readonly message: string }

/**
 * The dashboard on a thread of its own, for a process whose main thread is busy training. It does not keep the process
 * alive. Errors as with `startDashboard`.
 */
export async function startDashboardThread(options: DashboardOptions): Promise<Dashboard> {
  const thread = new Worker(new URL('./threadMain.ts', import.meta.url), { workerData: options })
  const [started] = (await once(thread, 'message')) as [Started]
  if ('code' in started) throw new ServeError(started.code, started.message)
  thread.unref()
  return {
    url: started.url,
    async close() {
      const exit = once(thread, 'exit')
      thread.ref()
      thread.postMessage('close')
      await exit
    },
  }
}
