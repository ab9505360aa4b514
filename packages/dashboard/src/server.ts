import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import { ApiError, listen, onlyHosts, page } from '@modu/serve/http'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { RunFeed } from './feed.ts'
import { Runs } from './runs.ts'

const host = '127.0.0.1'

/** Milliseconds between two looks at the run folders. */
const interval = 500

/** Milliseconds that pages have to take in the last news. */
const patience = 1000

export interface DashboardOptions {
  /** Run folders, and folders that hold some. */
  readonly folders: readonly string[]
  /** Folder with the built page. */
  readonly page: string
  /** Default 8090; 0 takes any free one. */
  readonly port?: number
}

export interface Dashboard {
  /** E.g. `http://127.0.0.1:8090`. */
  readonly url: string
  /** Tells the pages what is new for the last time, and resolves when all is closed. */
  close(): Promise<void>
}

/** Shows runs in the browser of this machine, as they train. A ServeError says what is in the way of the port. */
export async function startDashboard({ folders, page, port = 8090 }: DashboardOptions): Promise<Dashboard> {
  const closing = new AbortController()
  const server = createAdaptorServer({
    fetch: createApp(folders, page, closing.signal).fetch,
    hostname: host,
  }) as Server
  await listen(server, port, host)
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async close() {
      closing.abort()
      const closed = new Promise(resolve => server.close(resolve))
      const tidy = setInterval(() => server.closeIdleConnections(), 50)
      await Promise.race([closed, setTimeout(patience, undefined, { ref: false })])
      server.closeAllConnections()
      await closed
      clearInterval(tidy)
    },
  }
}

/** `/api/events?run=ID&run=ID`: all runs in short, those named in full, for as long as the page listens. */
function createApp(folders: readonly string[], pageFolder: string, closing: AbortSignal): Hono {
  const runs = new Runs(folders)
  const app = new Hono()
  app.use(onlyHosts([]))
  app.get('/api/events', c =>
    streamSSE(c, async stream => {
      const feeds = new Map((c.req.queries('run') ?? []).map(id => [id, new RunFeed()]))
      let told = ''
      for (let last = false; !last && !stream.aborted; ) {
        last = closing.aborted
        const list = JSON.stringify(runs.read())
        if (list !== told) await stream.writeSSE({ event: 'runs', data: list })
        told = list
        for (const [id, feed] of feeds) {
          const run = runs.get(id)
          const update = run && feed.next(run)
          if (update) await stream.writeSSE({ event: 'run', data: JSON.stringify(update) })
        }
        if (!last) await setTimeout(interval, undefined, { signal: closing }).catch(() => {})
      }
    }),
  )
  app.route('/', page(pageFolder))
  app.onError((error, c) => {
    if (error instanceof ApiError) return error.toResponse()
    process.stderr.write(`${c.req.method} ${c.req.path}: ${error.stack}\n`)
    return c.text('Something failed in the server.', 500)
  })
  return app
}
