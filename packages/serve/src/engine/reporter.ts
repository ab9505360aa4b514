import type { ChatEvent, Usage } from '@modu/model'
import type { Load } from './engine.ts'
import { countsOf, type EventNews, type News, packEvent, type Report } from './protocol.ts'

/** Pieces of an answer wait at most so many milliseconds for others: those of one frame of a screen are seen together. */
const gathering = 16

/**
 * Tells the other side what happens at the seats, in few messages: each wakes up a thread there, which writes to a socket
 * for every answer, and all that takes its time from cores that compute.
 *
 * What begins (an answer, its text behind reasoning, a call) or ends goes out at the end of its step, with all that
 * waits. Pieces that go on with something wait for those of the next steps, unless their step would come too late.
 */
export class Reporter {
  readonly #post: (report: Report) => void
  readonly #load: () => Load
  #news: News[] = []
  /** By seats: the last news, if it can take further events. */
  readonly #open = new Map<number, EventNews>()
  #isUrgent = false
  #isSettling = false
  #settled = 0
  #posted = 0
  #timer: NodeJS.Timeout | undefined

  constructor(post: (report: Report) => void, load: () => Load) {
    this.#post = post
    this.#load = load
  }

  tell(news: News): void {
    this.#news.push(news)
    this.#open.delete(news.seat)
    this.hurry()
  }

  /** An answer's next event with the tokens up to it; `begins` if it does not go on with what the one before it was. */
  tellEvent(seat: number, answer: number, event: ChatEvent, usage: Usage, begins: boolean): void {
    let news = this.#open.get(seat)
    if (news?.answer !== answer) {
      news = { type: 'events', seat, answer, events: [], counts: [] }
      this.#open.set(seat, news)
      this.#news.push(news)
    }
    news.events.push(packEvent(event))
    news.counts.push(...countsOf(usage))
    if (begins) this.#isUrgent = true
    this.#settleSoon()
  }

  /** All goes out at the end of this step, and how busy the engine is. */
  hurry(): void {
    this.#isUrgent = true
    this.#settleSoon()
  }

  /** When all have done what this step lets them do. */
  #settleSoon(): void {
    if (this.#isSettling) return
    this.#isSettling = true
    process.nextTick(() => this.#settle())
  }

  #settle(): void {
    this.#isSettling = false
    const now = performance.now()
    const next = now + (now - this.#settled)
    this.#settled = now
    const due = this.#posted + gathering
    if (this.#isUrgent || next > due) this.#flush()
    // Should there be no next step, or a longer one.
    else this.#timer ??= setTimeout(() => this.#flush(), due - now)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isUrgent = false
    this.#posted = performance.now()
    this.#open.clear()
    this.#post({ type: 'step', news: this.#news, load: this.#load() })
    this.#news = []
  }
}
