import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { ServeError } from '@modu/serve/http'
import { startDashboard } from './server.ts'
import type { Started } from './thread.ts'

/* The thread of `startDashboardThread`: serves until it is sent any message. */

const port = parentPort!
const tell = (started: Started) => port.postMessage(started)
try {
  const dashboard = await startDashboard(workerData)
  tell({ url: dashboard.url })
  await once(port, 'message')
  await dashboard.close()
} catch (error) {
  if (!(error instanceof ServeError)) throw error
  // Of an error only the message would survive the way between threads.
  tell({ code: error.code, message: error.message })
}
port.close()
