import type { LoadMap, Points, Progress, RunSummary, RunUpdate, StageStart } from '@modu/dashboard'

/** All that is known of a run that is looked at. */
export interface RunData {
  readonly stages: readonly StageStart[]
  readonly progress: Progress
  readonly series: Readonly<Record<string, Points>>
  readonly loads: LoadMap | undefined
  readonly samples: RunUpdate['samples']
}

export interface Snapshot {
  readonly connected: boolean
  /** Undefined until the server has answered. */
  readonly runs: readonly RunSummary[] | undefined
  readonly data: ReadonlyMap<string, RunData>
}

/** What the server tells, as it tells it. */
export class RunStore {
  #snapshot: Snapshot = { connected: true, runs: undefined, data: new Map() }
  readonly #listeners = new Set<() => void>()

  readonly get = (): Snapshot => this.#snapshot

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Listens to the server, about the runs `ids` in full, until the function returned is called. */
  listen(ids: readonly string[]): () => void {
    const query = new URLSearchParams(ids.map(id => ['run', id]))
    // After a break it connects again by itself, and is told everything anew.
    const events = new EventSource(`/api/events?${query}`)
    events.onopen = () => this.#change({ connected: true })
    events.onerror = () => this.#change({ connected: false })
    events.addEventListener('runs', event => this.#change({ runs: JSON.parse(event.data) }))
    events.addEventListener('run', event => {
      const update: RunUpdate = JSON.parse(event.data)
      const known = this.#snapshot.data.get(update.id)
      const data = new Map(this.#snapshot.data)
      data.set(update.id, update.whole || !known ? update : append(known, update))
      this.#change({ data })
    })
    return () => events.close()
  }

  #change(change: Partial<Snapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change }
    for (const listener of this.#listeners) listener()
  }
}

function append(known: RunData, news: RunUpdate): RunData {
  const series = { ...known.series }
  for (const [name, points] of Object.entries(news.series)) {
    const before = series[name]
    series[name] = before ? appendPoints(before, points) : points
  }
  const { step, tokens, seconds } = known.progress
  return {
    stages: news.stages,
    progress: {
      step: [...step, ...news.progress.step],
      tokens: [...tokens, ...news.progress.tokens],
      seconds: [...seconds, ...news.progress.seconds],
    },
    series,
    loads: news.loads ?? known.loads,
    samples: [...known.samples, ...news.samples],
  }
}

/** New points are not thinned: each is its own extremes. */
function appendPoints(before: Points, news: Points): Points {
  const both = { step: [...before.step, ...news.step], mean: [...before.mean, ...news.mean] }
  if (!before.low || !before.high) return both
  return { ...both, low: [...before.low, ...news.mean], high: [...before.high, ...news.mean] }
}
