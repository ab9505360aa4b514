import type { Server } from 'node:http'
import { ServeError } from './errors.ts'

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
