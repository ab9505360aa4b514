import { Counter, Gauge, Registry } from 'prom-client'
import type { FailureReason } from './failure.ts'
import type { Upstream } from './upstream.ts'

/** What Prometheus is told of the upstreams, each under its name in the configuration. */
export class UpstreamMetrics {
  readonly #registry = new Registry()
  readonly #requests = this.#counter('requests', 'Requests sent, those tried again included', ['model'])
  readonly #failures = this.#counter('failures', 'Requests that were not answered to their end', ['reason'])

  constructor(upstreams: readonly Upstream[]) {
    const gauge = (name: string, help: string, of: (upstream: Upstream) => number) =>
      new Gauge({
        name: `modu_upstream_${name}`,
        help,
        labelNames: ['upstream'],
        registers: [this.#registry],
        collect() {
          for (const upstream of upstreams) this.set({ upstream: upstream.name }, of(upstream))
        },
      })
    gauge('requests_in_flight', 'Requests being answered', ({ outstanding }) => outstanding)
    gauge('healthy', 'Whether the health check passes', ({ health }) => Number(health.isHealthy))
    gauge('circuit_open', 'Whether requests are kept away because others failed', ({ circuit }) =>
      Number(!circuit.isClosed),
    )
  }

  sent(upstream: string, model: string): void {
    this.#requests.inc({ upstream, model })
  }

  failed(upstream: string, reason: FailureReason): void {
    this.#failures.inc({ upstream, reason })
  }

  /** In Prometheus' text format. */
  report(): Promise<string> {
    return this.#registry.metrics()
  }

  #counter(name: string, help: string, labels: readonly string[]) {
    const labelNames = ['upstream', ...labels]
    return new Counter({ name: `modu_upstream_${name}_total`, help, labelNames, registers: [this.#registry] })
  }
}
