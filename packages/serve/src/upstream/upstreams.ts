import { ServeError } from '../errors.ts'
import type { GatewayConfig } from './config.ts'
import { UpstreamMetrics } from './metrics.ts'
import { choose } from './route.ts'
import { Upstream } from './upstream.ts'

/** All servers that answer for us, and which models they have. */
export class Upstreams {
  readonly retries: number
  readonly metrics: UpstreamMetrics
  readonly #all: readonly Upstream[]

  /**
   * Resolves when each has been asked for the first time whether it lives. Errors: ServeError, also where a model has the
   * name of one of `others`.
   */
  static async open(
    config: GatewayConfig,
    others: ReadonlyMap<string, unknown>,
    log: (line: string) => void,
    environment: NodeJS.ProcessEnv = process.env,
  ): Promise<Upstreams> {
    const all = Object.entries(config.upstreams).map(
      ([name, each]) => new Upstream(name, each, environment, what => log(`The upstream '${name}' ${what}.`)),
    )
    const upstreams = new Upstreams(all, config.retries)
    const twice = upstreams.models.find(model => others.has(model))
    if (twice !== undefined) {
      const message = `Both an upstream and this server have a model '${twice}'. Give that of the upstream another name.`
      throw new ServeError('config-invalid', message)
    }
    await Promise.all(all.map(upstream => upstream.health.start()))
    return upstreams
  }

  private constructor(all: readonly Upstream[], retries: number) {
    this.#all = all
    this.retries = retries
    this.metrics = new UpstreamMetrics(all)
  }

  /** By the names that clients use. */
  get models(): readonly string[] {
    return [...new Set(this.#all.flatMap(({ config }) => Object.keys(config.models)))]
  }

  /** The models that a request would be answered for now. */
  get modelsUp(): readonly string[] {
    return this.models.filter(model => this.#with(model).some(({ isUp }) => isUp))
  }

  has(model: string): boolean {
    return this.#with(model).length > 0
  }

  /** Where a request goes that begins as `key` says; not to one of `but`. Undefined if there is no other that is up. */
  choose(model: string, key: string, but: ReadonlySet<Upstream>): Upstream | undefined {
    return choose(
      this.#with(model).filter(upstream => upstream.isUp && !but.has(upstream)),
      key,
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(upstream => upstream.close()))
  }

  #with(model: string): readonly Upstream[] {
    return this.#all.filter(({ config }) => Object.hasOwn(config.models, model))
  }
}
