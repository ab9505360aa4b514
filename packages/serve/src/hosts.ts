import type { MiddlewareHandler } from 'hono'
import { ApiError } from './errors.ts'

const loopback = /^(localhost|(.+\.)?localhost|127(\.\d{1,3}){3}|\[::1\])$/i

export const isLoopback = (host: string): boolean => loopback.test(host) || host === '::1'

/**
 * Keeps web pages on the internet from reaching a server that listens on this machine only, by a name of theirs that
 * resolves to 127.0.0.1 (DNS rebinding): such requests carry that name in `Host`.
 */
export const onlyHosts = (allowed: readonly string[]): MiddlewareHandler => {
  return async (c, next) => {
    const name = (c.req.header('Host') ?? '').replace(/:\d*$/, '')
    if (!loopback.test(name) && !allowed.includes(name)) {
      throw new ApiError(
        403,
        'host_not_allowed',
        `This server answers on this machine only, not as '${name}'. Use 127.0.0.1, or name it at the start: modu serve --allow-host ${name}.`,
      )
    }
    await next()
  }
}
