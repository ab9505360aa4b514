import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Engine } from './engine/engine.ts'
import type { Reply } from './generation.ts'

/** In seconds. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** What Prometheus is told, under vLLM's names where they mean the same. Every server has its own. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #promptTokens = this.#counter('vllm:prompt_tokens', 'Tokens of prompts', [])
  readonly #generationTokens = this.#counter('vllm:generation_tokens', 'Tokens of answers', [])
  readonly #success = this.#counter('vllm:request_success', 'Answers that came to their end', ['finished_reason'])
  readonly #firstToken = this.#histogram('vllm:time_to_first_token_seconds', 'From the request to its first token')
  readonly #whole = this.#histogram('vllm:e2e_request_latency_seconds', 'From the request to its end')

  constructor(engine: Engine) {
    this.#gauge('vllm:num_requests_running', 'Requests being answered', () => engine.load.running)
    this.#gauge('vllm:num_requests_waiting', 'Requests waiting in line', () => engine.load.waiting)
    this.#gauge(
      'vllm:kv_cache_usage_perc',
      'Share of the cache that answers hold, 1 is all',
      () => engine.load.cacheUsage,
    )
  }

  /** The reply to a request that came just now, watched as it goes. */
  watch(reply: Reply, model: string): Reply {
    const begin = performance.now()
    const seconds = () => (performance.now() - begin) / 1000
    const labels = { model_name: model }
    let hasBegun = false
    let left = reply.answers.length
    return {
      ...reply,
      receive: (index, event) => {
        if (!hasBegun) this.#firstToken.observe(labels, seconds())
        hasBegun = true
        if (event.type === 'finish') {
          this.#promptTokens.inc(labels, event.usage.promptTokens)
          this.#generationTokens.inc(labels, event.usage.completionTokens)
          this.#success.inc({ ...labels, finished_reason: event.reason })
          left--
          if (left === 0) this.#whole.observe(labels, seconds())
        }
        return reply.receive(index, event)
      },
    }
  }

  /** In Prometheus' text format, whose type comes with it. */
  async report(): Promise<{ type: string; text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  #counter(name: string, help: string, labels: readonly string[]) {
    const labelNames = ['model_name', ...labels]
    return new Counter({ name: `${name}_total`, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string) {
    return new Histogram({ name, help, labelNames: ['model_name'], buckets, registers: [this.#registry] })
  }

  #gauge(name: string, help: string, value: () => number) {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value())
      },
    })
  }
}
