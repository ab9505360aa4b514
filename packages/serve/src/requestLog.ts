import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import type { Logger } from 'pino'
import type { Entry } from './usage/ledger.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** The request's row in the ledger; undefined if it has none. */
    entry: Entry | undefined
  }
}

/**
 * A line for every request, when its answer has gone out: who, what, how long, how many tokens. What people write is
 * in it at level `debug` only.
 */
export const logRequests =
  (logger: Logger): MiddlewareHandler =>
  async (c, next) => {
    const began = performance.now()
    await next()
    const { outgoing } = c.env as HttpBindings
    outgoing.once('close', () => {
      const tokens = c.get('entry')?.tokens
      logger.info({
        request: c.get('requestId'),
        key: c.get('key'),
        method: c.req.method,
        path: c.req.path,
        status: outgoing.statusCode,
        ms: Math.round(performance.now() - began),
        ...(tokens && { promptTokens: tokens.prompt, completionTokens: tokens.completion }),
        ...(!outgoing.writableFinished && { clientLeft: true }),
      })
    })
    const body = c.req.bodyCache.arrayBuffer
    if (logger.isLevelEnabled('debug') && body !== undefined) {
      logger.debug({ request: c.get('requestId'), body: new TextDecoder().decode(await body) })
    }
  }
