import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { accountsIn } from './accounts.ts'
import { createApp } from './app.ts'
import type { Engine } from './engine/engine.ts'
import { type EngineLimits, LocalEngine, type LocalModel } from './engine/localEngine.ts'
import { ServeError } from './errors.ts'
import { checkHost, isLoopback } from './hosts.ts'
import { httpServer, listen } from './listen.ts'
import { writingEvents } from './sse.ts'
import type { Database } from './store/database.ts'
import { startTracing } from './tracing.ts'
import type { GatewayConfig } from './upstream/config.ts'
import { Upstreams } from './upstream/upstreams.ts'

/** Models by the names clients ask for, the default one first. */
type LocalModels = ReadonlyMap<string, LocalModel> | Readonly<Record<string, LocalModel>>

export interface ServeOptions extends EngineLimits {
  /** What computes the answers. Default: `models`, in this thread, within the `EngineLimits`. */
  readonly engine?: Engine
  readonly models?: LocalModels
  /** Servers that answer for models of theirs, beside the models here or in the place of any. */
  readonly gateway?: GatewayConfig
  /** Default 8080; 0 takes any free one. */
  readonly port?: number
  /** The address to listen on. Default 127.0.0.1, this machine only. */
  readonly host?: string
  /** Folder with the built page. Without it only the API answers. */
  readonly page?: string
  /** Names clients may call a server on 127.0.0.1 by, besides localhost: those of a proxy on this machine. */
  readonly allowedHosts?: readonly string[]
  /** How long an answer may take, waiting in line included, in milliseconds. Default an hour; 24 days at most. */
  readonly deadline?: number
  /** Largest body of a request in bytes. Default 4 MiB: a context of 131,072 Korean tokens, escaped, fits. */
  readonly bodyLimit?: number
  /**
   * How long a client may take to send its request, or take nothing of its answer, in milliseconds. Default a minute;
   * then its connection is closed.
   */
  readonly clientTimeout?: number
  /** Whether a chat model thinks when the request does not say. Default false. */
  readonly thinking?: boolean
  /** How long `stop` waits for running answers, in milliseconds. Default 10,000. */
  readonly patience?: number
  /**
   * Keys and usage: once it has a key, nobody comes in without one. Without a database everybody comes in, nothing is
   * counted, and the server listens on this machine only.
   */
  readonly database?: Database
  /** Takes the lines of the log, JSON; default stderr. */
  readonly log?: (line: string) => void
  /** `error`: failures of the server; `info`: every request, too; `debug`: also what people write. Default `error`. */
  readonly logLevel?: LogLevel
}

export const logLevels = ['error', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

export interface RunningServer {
  /** E.g. `http://127.0.0.1:8080`. */
  readonly url: string
  readonly port: number
  /** Accepts nothing new, lets running answers finish for `patience`, breaks off the rest. Resolves when all is closed. */
  stop(): Promise<void>
}

/** Node's timers fire at once if they are to take longer, in milliseconds. */
const longestTimer = 2 ** 31 - 1

/** Starts the server. A ServeError says what is in the way, e.g. that the port is in use. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const {
    port = 8080,
    host = '127.0.0.1',
    deadline = 3_600_000,
    bodyLimit = 4 * 1024 * 1024,
    clientTimeout = 60_000,
    thinking = false,
    patience = 10_000,
    log = text => process.stderr.write(`${text}\n`),
    logLevel = 'error',
  } = options
  const engine = options.engine ?? localEngine(options)
  if (engine.models.size === 0 && !options.gateway) {
    throw new ServeError('no-models', 'There is no model to serve. Give the folder of one.')
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ServeError('port-invalid', `${port} is not a port. Give a number from 0 to 65535.`)
  }

  const logger = pino(
    { level: logLevel, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    { write: line => log(line.trimEnd()) },
  )
  const accounts = options.database && accountsIn(options.database, line => logger.error(line))
  await checkHost(host, accounts?.keys)

  const upstreams =
    options.gateway && (await Upstreams.open(options.gateway, engine.models, line => logger.error(line)))
  const tracing = await startTracing()
  const breakOff = new AbortController()
  let stopped: Promise<void> | undefined
  const app = createApp({
    engine,
    upstreams,
    page: options.page,
    deadline: Math.min(deadline, longestTimer),
    closing: breakOff.signal,
    log: line => logger.error(line),
    logger,
    tracer: tracing?.tracer,
    accounts,
    keysRequired: !isLoopback(host),
    bodyLimit,
    thinking,
    isReady: () => stopped === undefined,
    allowedHosts: isLoopback(host) ? (options.allowedHosts ?? []) : undefined,
  })
  const server = httpServer(writingEvents(app.fetch), host, clientTimeout)
  await listen(server, port, host)
  const address = server.address() as AddressInfo

  const stop = async () => {
    engine.close()
    const closed = new Promise(resolve => server.close(resolve))
    const hurry = setTimeout(() => breakOff.abort(), patience)
    const cut = setTimeout(() => server.closeAllConnections(), patience + 500)
    // A connection that has got its answer can go; Node by itself closes only those idle at the moment of close().
    const tidy = setInterval(() => server.closeIdleConnections(), 50)
    await closed
    await engine.release()
    await tracing?.close()
    await upstreams?.close()
    clearTimeout(hurry)
    clearTimeout(cut)
    clearInterval(tidy)
  }
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    stop: () => (stopped ??= stop()),
  }
}

function localEngine({ models = {}, ...limits }: ServeOptions): LocalEngine {
  return new LocalEngine(models instanceof Map ? models : new Map(Object.entries(models)), limits)
}

/** On SIGTERM or SIGINT: stops the server and exits with 0; a second signal exits at once. */
export function stopOnSignals(server: RunningServer): void {
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143)
      stopping = true
      server.stop().then(() => process.exit(0))
    })
  }
}
