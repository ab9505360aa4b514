import type { KvCache, LanguageModel, Sampler } from '@modu/model'

/** What a model replied. */
export interface Reply {
  /** Its tokens, the one that ended it included. */
  readonly ids: readonly number[]
  /** Whether it ended by itself and not at the limit. */
  readonly ended: boolean
}

/** Draws replies to prompts. Keeps one cache for all of them. */
export class Rollout {
  private readonly model: LanguageModel
  private readonly stopIds: ReadonlySet<number>
  private readonly maxTokens: number
  private cache: KvCache | undefined

  /** `maxTokens`: the longest reply; `stopIds` end one earlier. */
  constructor(model: LanguageModel, maxTokens: number, stopIds: ReadonlySet<number>) {
    this.model = model
    this.maxTokens = maxTokens
    this.stopIds = stopIds
  }

  /** One reply for each sampler. The prompt is read once. */
  replies(prompt: readonly number[], samplers: readonly Pick<Sampler, 'next'>[]): Reply[] {
    const cache = this.roomFor(prompt.length + this.maxTokens)
    cache.truncate(0)
    const first = this.model.step(prompt, cache).slice()
    return samplers.map(sampler => {
      cache.truncate(prompt.length)
      const ids: number[] = []
      let logits: Float32Array = first.slice()
      for (;;) {
        const id = sampler.next(logits)
        ids.push(id)
        if (this.stopIds.has(id)) return { ids, ended: true }
        if (ids.length === this.maxTokens) return { ids, ended: false }
        logits = this.model.step([id], cache)
      }
    })
  }

  private roomFor(tokens: number): KvCache {
    if (!this.cache || this.cache.capacity < tokens) {
      this.cache?.release()
      this.cache = this.model.createCache(tokens)
    }
    return this.cache
  }

  release(): void {
    this.cache?.release()
    this.cache = undefined
  }
}
