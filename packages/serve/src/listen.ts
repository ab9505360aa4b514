import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { ServeError } from './errors.ts'

type Fetch = Parameters<typeof createAdaptorServer>[0]['fetch']

/** One more is closed at once: each may hold a body and an answer in memory. */
const mostConnections = 4096

/**
 * An HTTP server for `fetch` that slow clients cannot hold up. A connection is closed when a request has not come whole
 * after `clientTimeout` milliseconds (its head: ten seconds at most), when for as long its client takes nothing of what
 * is sent to it, or when the machine behind it is gone.
 */
export function httpServer(fetch: Fetch, host: string, clientTimeout: number): Server {
  const server = createAdaptorServer({
    fetch,
    hostname: host,
    serverOptions: {
      headersTimeout: Math.min(clientTimeout, 10_000),
      requestTimeout: clientTimeout,
      // How often Node looks for requests that are over their time.
      connectionsCheckingInterval: Math.min(clientTimeout / 2, 5000),
      keepAlive: true,
      keepAliveInitialDelay: clientTimeout,
    },
  }) as Server
  server.maxConnections = mostConnections
  server.on('request', (_, response: ServerResponse) => {
    // Who waits for a long answer may be silent; only who leaves it lying is stalled.
    response.setTimeout(clientTimeout, (socket?: Socket) => {
      if (socket && socket.writableLength > 0) socket.destroy()
    })
  })
  return server
}

/** Resolves when the server listens; a ServeError says what is in the way of the port. */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        const remedy = `Stop the other program, or choose another port: --port ${port + 1} (npm start: PORT=${port + 1}).`
        reject(new ServeError('port-in-use', `Port ${port} on ${host} is in use. ${remedy}`, { cause: error }))
      } else if (error.code === 'EACCES') {
        const remedy = 'Choose one above 1023: --port 8080 (npm start: PORT=8080).'
        reject(new ServeError('port-not-allowed', `Port ${port} needs more rights. ${remedy}`, { cause: error }))
      } else reject(error)
    })
    server.listen(port, host, resolve)
  })
}
