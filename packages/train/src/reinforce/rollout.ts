import type { KvCache, KvCaches, LanguageModel, Sampler } from '@modu/model'

/** A prompt, and what draws each of the replies to it. */
export interface Request {
  readonly prompt: readonly number[]
  readonly samplers: readonly Pick<Sampler, 'next'>[]
}

/** What a model replied. */
export interface Reply {
  /** Its tokens, the one that ended it included. */
  readonly ids: readonly number[]
  /** Whether it ended by itself and not at the limit. */
  readonly ended: boolean
}

/** A reply that is being drawn. */
interface Draft {
  readonly prompt: readonly number[]
  readonly sampler: Pick<Sampler, 'next'>
  readonly ids: number[]
  ended: boolean
}

/** Replies that are drawn side by side. */
const lanes = 8

/**
 * Draws replies to prompts, several at a time: where one ends, the next one begins. A prompt is read once for all replies
 * to it. Keeps its caches from one call to the next.
 */
export class Rollout {
  private readonly model: LanguageModel
  private readonly maxTokens: number
  private readonly stopIds: ReadonlySet<number>
  private caches: { readonly prompt: KvCache; readonly lanes: KvCaches } | undefined
  /** The prompt in its cache, and the logits after it. */
  private read: { readonly prompt: readonly number[]; readonly logits: Float32Array } | undefined

  /** `maxTokens`: the longest reply; `stopIds` end one earlier. */
  constructor(model: LanguageModel, maxTokens: number, stopIds: ReadonlySet<number>) {
    this.model = model
    this.maxTokens = maxTokens
    this.stopIds = stopIds
  }

  /** For each request a reply for each sampler. Lets others take turns between tokens. */
  async replies(requests: readonly Request[]): Promise<Reply[][]> {
    const { model } = this
    const caches = this.roomFor(Math.max(...requests.map(({ prompt }) => prompt.length)) + this.maxTokens)
    const drafts = requests.map(({ prompt, samplers }) =>
      samplers.map((sampler): Draft => ({ prompt, sampler, ids: [], ended: false })),
    )
    const waiting = drafts.flat()[Symbol.iterator]()
    const drawn = new Array<Draft | undefined>(lanes).fill(undefined)
    const tokens = new Int32Array(lanes)
    // The weights have changed since the last call.
    this.read = undefined
    for (;;) {
      for (let lane = 0; lane < lanes; lane++) drawn[lane] ??= this.begin(waiting, caches, lane)
      if (drawn.every(draft => draft === undefined)) return drafts
      await new Promise(resolve => setImmediate(resolve))
      for (const [lane, draft] of drawn.entries()) tokens[lane] = draft?.ids.at(-1) ?? -1
      const logits = model.stepAll(tokens, caches.lanes)
      const vocabulary = logits.length / lanes
      for (const [lane, draft] of drawn.entries())
        if (draft && this.draw(draft, logits.subarray(lane * vocabulary, (lane + 1) * vocabulary)))
          drawn[lane] = undefined
    }
  }

  /** The next draft that is not over with its first token, in this lane; undefined if none is left. */
  private begin(waiting: Iterator<Draft>, caches: NonNullable<Rollout['caches']>, lane: number): Draft | undefined {
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      const draft = next.value
      if (this.read?.prompt !== draft.prompt) {
        caches.prompt.truncate(0)
        this.read = { prompt: draft.prompt, logits: this.model.step(draft.prompt, caches.prompt).slice() }
      }
      if (this.draw(draft, this.read.logits.slice())) continue
      caches.lanes.fill(lane, caches.prompt)
      return draft
    }
    return undefined
  }

  /** Draws a token; true if it is the last. */
  private draw(draft: Draft, logits: Float32Array): boolean {
    const id = draft.sampler.next(logits)
    draft.ids.push(id)
    draft.ended = this.stopIds.has(id)
    return draft.ended || draft.ids.length === this.maxTokens
  }

  private roomFor(tokens: number): NonNullable<Rollout['caches']> {
    if (!this.caches || this.caches.prompt.capacity < tokens) {
      this.release()
      const { model } = this
      this.caches = { prompt: model.createCache(tokens), lanes: model.createCaches(lanes, tokens) }
    }
    return this.caches
  }

  release(): void {
    this.caches?.prompt.release()
    this.caches?.lanes.release()
    this.caches = undefined
  }
}
