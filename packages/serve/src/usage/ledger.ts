import { randomUUID } from 'node:crypto'
import type { Usage } from '@modu/model'
import { ApiError } from '../errors.ts'
import { monthOf } from '../keys/keys.ts'
import type { Database, Query } from '../store/database.ts'
import { emptyUsage } from '../wire.ts'

/** Tokens are reserved so many at a time. */
const batch = 16

/**
 * The ledger: one row for every accepted request, with the tokens of its prompts and answers.
 *
 * The process may die at any moment, even by `kill -9`, and what the client has received by then must be counted. So the
 * ledger runs ahead of the answer: before a token goes out, the row in the database holds it. Rows are written in
 * batches: when the next token is beyond what the row holds, the row is raised to the next multiple of 16; when the
 * answer ends, however it ends, the row is set to the exact number. If the process dies in between, nothing needs to be
 * repaired: the row stays as it is, which is never below what was received, and above it by less than one batch.
 *
 * Nothing is counted twice, because a row never says "so many more", it says "so many in all": writing it again changes
 * nothing. The sums that limits need (the tokens of a month, the level of the minute's bucket) change in the same
 * transaction by the difference to the row before.
 *
 * A month's quota is held the same way: what it does not have is not granted to the row, and without that the answer
 * does not go on. Prompts are counted when they have been read, whether or not there is room for them.
 */
export class Ledger {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** An entry for a request of `key`, which is made when its first answer begins. */
  entry(key: string, model: string): Entry {
    return new Entry(this.#database, key, model)
  }
}

/** A piece of an answer; the one of type `finish` says how many tokens it has been. */
interface AnswerEvent {
  readonly type: string
  readonly usage?: Usage
}

/** One answer of a request. */
interface Part {
  /** Kept up to date by the model. */
  readonly usage: Usage
  /** Several answers to one prompt read it once. */
  readonly countsPrompt: boolean
  events: number
  ended: boolean
}

/** One request's row. */
export class Entry {
  readonly #database: Database
  readonly #id = randomUUID()
  readonly #key: string
  readonly #model: string
  readonly #parts: Part[] = []
  #inserted: Promise<void> | undefined
  /** What the row holds. */
  #prompt = 0
  #completion = 0

  constructor(database: Database, key: string, model: string) {
    this.#database = database
    this.#key = key
    this.#model = model
  }

  /**
   * Passes on the events of one answer, each when its tokens are in the row. `start` gets the object in which the model
   * counts. Errors: StoreError if the row cannot be written, ApiError 429 if the quota does not have the tokens; either
   * ends the answer.
   */
  record<E extends AnswerEvent>(start: (usage: Usage) => AsyncIterable<E>, countsPrompt: boolean): AsyncIterable<E> {
    const usage = emptyUsage()
    const part: Part = { usage, countsPrompt, events: 0, ended: false }
    return this.#pass(start(usage), part)
  }

  /** What the row holds: for the log. */
  get tokens(): { prompt: number; completion: number } {
    return { prompt: this.#prompt, completion: this.#completion }
  }

  async *#pass<E extends AnswerEvent>(events: AsyncIterable<E>, part: Part): AsyncGenerator<E> {
    this.#parts.push(part)
    try {
      this.#inserted ??= this.#insert()
      await this.#inserted
      for await (const event of events) {
        if (event.type === 'finish') {
          Object.assign(part.usage, event.usage)
          await this.#settle(part)
        } else {
          part.events++
          await this.#cover()
        }
        yield event
      }
    } finally {
      // If this fails, the row keeps what was reserved, and the database has told its log.
      if (!part.ended) await this.#settle(part).catch(() => {})
    }
  }

  #insert(): Promise<void> {
    return this.#database.transaction(async (query, now) => {
      await query(
        `INSERT INTO usage (id, key, model, day, started_at, prompt_tokens, completion_tokens)
         VALUES ($1, $2, $3, $4, $5, 0, 0)`,
        this.#id,
        this.#key,
        this.#model,
        new Date(now).toISOString().slice(0, 10),
        now,
      )
    })
  }

  /** Makes sure that the row holds all tokens so far. */
  async #cover(): Promise<void> {
    if (this.#completion >= this.#needed() && this.#prompt >= this.#prompts()) return
    await this.#write()
    if (this.#completion < this.#needed()) {
      throw new ApiError(429, 'insufficient_quota', 'The tokens of this key for this month are used up.')
    }
  }

  async #settle(part: Part): Promise<void> {
    part.ended = true
    await this.#write()
  }

  #prompts = (): number => sum(this.#parts.map(({ usage, countsPrompt }) => (countsPrompt ? usage.promptTokens : 0)))
  #needed = (): number => sum(this.#parts.map(tokensOf))
  #wanted = (): number =>
    sum(this.#parts.map(part => (part.ended ? tokensOf(part) : Math.ceil(tokensOf(part) / batch) * batch)))

  async #write(): Promise<void> {
    const written = await this.#database.transaction(async query => {
      // Changing the rows first keeps other processes away from them until the end of the transaction.
      const [row] = await query<{ started_at: number; prompt_tokens: number; completion_tokens: number }>(
        'UPDATE usage SET id = id WHERE id = $1 RETURNING *',
        this.#id,
      )
      const [key] = await query<{ tokens_per_month: number | null }>(
        'UPDATE keys SET id = id WHERE id = $1 RETURNING tokens_per_month',
        this.#key,
      )
      const month = monthOf(row.started_at)
      const prompt = this.#prompts()
      const quota = key?.tokens_per_month ?? Number.POSITIVE_INFINITY
      const room = quota - (await this.#monthsTokens(query, month)) - (prompt - row.prompt_tokens)
      const completion = Math.min(this.#wanted(), row.completion_tokens + Math.max(0, room))
      const more = prompt + completion - row.prompt_tokens - row.completion_tokens
      await query(
        'UPDATE usage SET prompt_tokens = $2, completion_tokens = $3 WHERE id = $1',
        this.#id,
        prompt,
        completion,
      )
      await query('UPDATE months SET tokens = tokens + $3 WHERE key = $1 AND month = $2', this.#key, month, more)
      await query('UPDATE keys SET token_level = token_level - $2 WHERE id = $1', this.#key, more)
      return { prompt, completion }
    })
    this.#prompt = written.prompt
    this.#completion = written.completion
  }

  /** The month's sum, which is there from now on. */
  async #monthsTokens(query: Query, month: string): Promise<number> {
    const [row] = await query<{ tokens: number }>(
      `INSERT INTO months (key, month, tokens) VALUES ($1, $2, 0)
       ON CONFLICT (key, month) DO UPDATE SET tokens = months.tokens RETURNING tokens`,
      this.#key,
      month,
    )
    return row.tokens
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

/** A model that does not count as it goes gives at least one token an event. */
const tokensOf = ({ usage, events }: Part): number => usage.completionTokens || events
