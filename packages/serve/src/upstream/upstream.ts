import { Agent, request } from 'undici'
import { ServeError } from '../errors.ts'
import { Circuit } from './circuit.ts'
import type { UpstreamConfig } from './config.ts'
import { messageIn } from './failure.ts'
import { HealthCheck } from './health.ts'
import type { Candidate } from './route.ts'

/** A server that answers for us. */
export class Upstream implements Candidate {
  readonly name: string
  readonly config: UpstreamConfig
  readonly circuit: Circuit
  readonly health: HealthCheck
  /** Its connections, kept open between requests. */
  readonly agent: Agent
  outstanding = 0
  readonly #headers: Readonly<Record<string, string>>

  /** `changed` is told in words when the server goes down or comes up. Errors: ServeError if its key is not there. */
  constructor(name: string, config: UpstreamConfig, environment: NodeJS.ProcessEnv, changed: (what: string) => void) {
    this.name = name
    this.config = config
    this.circuit = new Circuit(config.circuit)
    this.agent = new Agent({
      connect: { timeout: config.timeouts.connect * 1000 },
      // Ours, which tell a slow beginning from a slow client, stand in `transfer.ts`.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#headers = authorization(name, config.apiKeyEnv, environment)
    this.health = new HealthCheck(
      () => this.#check(),
      config.health.every * 1000,
      failure => changed(failure ? `is down: ${failure.message}` : 'is up again'),
    )
  }

  get weight(): number {
    return this.config.weight
  }

  /** Whether a request may go to it. */
  get isUp(): boolean {
    return this.health.isHealthy && this.circuit.admits
  }

  /** Sends JSON to `path` under the base URL. */
  post(path: string, body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    return request(this.config.baseUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.#headers, ...headers },
      body,
      signal,
      dispatcher: this.agent,
    })
  }

  async close(): Promise<void> {
    this.health.stop()
    await this.agent.destroy()
  }

  async #check(): Promise<void> {
    const { path, timeout } = this.config.health
    const { statusCode, body } = await request(new URL(path, this.config.baseUrl), {
      headers: this.#headers,
      signal: AbortSignal.timeout(timeout * 1000),
      dispatcher: this.agent,
    })
    const text = await body.text()
    if (statusCode < 200 || statusCode >= 300) throw new Error(`${path} answered ${statusCode}: ${messageIn(text)}`)
  }
}

function authorization(
  upstream: string,
  variable: string | undefined,
  environment: NodeJS.ProcessEnv,
): Record<string, string> {
  if (variable === undefined) return {}
  const key = environment[variable]?.trim()
  if (key) return { authorization: `Bearer ${key}` }
  throw new ServeError(
    'config-invalid',
    `The key of the upstream '${upstream}' is missing: set the environment variable ${variable}, or leave out "apiKeyEnv".`,
  )
}
