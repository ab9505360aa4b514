import type { MiddlewareHandler } from 'hono'
import { ApiError, ServeError } from './errors.ts'
import type { Keys } from './keys/keys.ts'

const loopback = /^(localhost|(.+\.)?localhost|127(\.\d{1,3}){3}|\[::1\])$/i

export const isLoopback = (host: string): boolean => loopback.test(host) || host === '::1'

/** Errors: ServeError if listening on `host` would let other machines in without a key. */
export async function checkHost(host: string, keys: Keys | undefined): Promise<void> {
  if (isLoopback(host) || (await keys?.any())) return
  throw new ServeError(
    'keys-required',
    `Listening on ${host} lets other machines in, but there is no key. Make one: modu keys create NAME. Or listen on this machine only: --host 127.0.0.1.`,
  )
}

/**
 * Keeps web pages on the internet from a server that listens on this machine only. Those that reach it by a name of
 * theirs that resolves to 127.0.0.1 (DNS rebinding) carry that name in `Host`; those that call 127.0.0.1 itself carry
 * theirs in `Origin`, and are refused before the request does anything.
 */
export const onlyHosts = (allowed: readonly string[]): MiddlewareHandler => {
  const isAllowed = (name: string) => loopback.test(name) || allowed.includes(name)
  return async (c, next) => {
    const name = withoutPort(c.req.header('Host') ?? '')
    if (!isAllowed(name)) {
      throw new ApiError(
        403,
        'host_not_allowed',
        `This server answers on this machine only, not as '${name}'. Use 127.0.0.1, or name it at the start: modu serve --allow-host ${name}.`,
      )
    }
    const origin = c.req.header('Origin')
    if (origin !== undefined && !isAllowed(withoutPort(origin.replace(/^https?:\/\//, '')))) {
      throw new ApiError(
        403,
        'origin_not_allowed',
        `This server answers to pages of this machine only, not to those of ${origin}. If that is its proxy, name it at the start: modu serve --allow-host NAME.`,
      )
    }
    await next()
  }
}

const withoutPort = (host: string): string => host.replace(/:\d*$/, '')
