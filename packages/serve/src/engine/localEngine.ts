import type {
  ChatEvent,
  ChatMessage,
  ChatRequest,
  ChatTemplate,
  CompletionEvent,
  CompletionOptions,
  Embedding,
  LanguageModel,
  PromptOptions,
  Tokenizer,
  TokenLogprob,
  TokenSequence,
} from '@modu/model'
import { Scheduler, type SchedulerLimits, type Seat as SchedulerSeat } from '../scheduler.ts'
import type { Hooks, ServedModel } from '../servedModel.ts'
import type { Engine, Load } from './engine.ts'
import type { Seat } from './seat.ts'

/** What this engine needs of a model: the part of the model package's `ChatModel` that others can offer, too. */
export interface LocalModel {
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  readonly tokenizer: Tokenizer
  /** Undefined for models that only complete text. */
  readonly template: ChatTemplate | undefined
  /** Complaints about the input (ModelError) come at once; failures come out of the events. */
  chat(messages: readonly ChatMessage[], request: ChatRequest): AsyncIterable<ChatEvent>
  complete(prompt: string | readonly number[], options: CompletionOptions): AsyncIterable<CompletionEvent>
  promptLogprobs(prompt: string | readonly number[], top: number, options: PromptOptions): Promise<TokenLogprob[]>
  embed(prompt: string | readonly number[], options: PromptOptions): Promise<Embedding>
}

/** The scheduler's, 32 seats and 32 in line by default. */
export type EngineLimits = Partial<SchedulerLimits>

/** Scheduler and models in the thread of whoever calls it. */
export class LocalEngine implements Engine {
  readonly models: ReadonlyMap<string, ServedModel>
  readonly isReady = true
  readonly #scheduler: Scheduler

  constructor(models: ReadonlyMap<string, LocalModel>, { seats = 32, line = 32, cacheBytes }: EngineLimits = {}) {
    this.#scheduler = new Scheduler({ seats, line, cacheBytes })
    this.models = new Map([...models].map(([name, model]) => [name, seated(model)]))
  }

  get load(): Load {
    const { running, waiting, cacheUsage } = this.#scheduler
    return { running, waiting, cacheUsage }
  }

  seat(key: string, signal: AbortSignal): Seat {
    return new LocalSeat(this.#scheduler, key, signal)
  }

  close(): void {
    this.#scheduler.close()
  }

  async release(): Promise<void> {
    this.#scheduler.release()
  }
}

class LocalSeat implements Seat {
  readonly #scheduler: Scheduler
  readonly #key: string
  readonly #signal: AbortSignal
  #seat: SchedulerSeat | undefined

  constructor(scheduler: Scheduler, key: string, signal: AbortSignal) {
    this.#scheduler = scheduler
    this.#key = key
    this.#signal = signal
  }

  async enter(): Promise<void> {
    this.#seat = await this.#scheduler.enter(this.#signal, this.#key)
  }

  leave(): void {
    this.#seat?.leave()
  }

  /** How an answer of a model comes to its steps here. */
  readonly steps = {
    turn: (): Promise<void> => this.#seat!.turn(),
    open: (model: LanguageModel): TokenSequence => this.#seat!.open(model),
  }
}

/** The model, its answers run on seats of this engine. */
function seated(model: LocalModel): ServedModel {
  const withSteps = <T extends Hooks>({ seat, ...request }: T) => ({ ...request, ...(seat as LocalSeat).steps })
  return {
    contextLength: model.contextLength,
    tokenizer: model.tokenizer,
    template: model.template,
    chat: (messages, request) => model.chat(messages, withSteps(request)),
    complete: (prompt, options) => model.complete(prompt, withSteps(options)),
    promptLogprobs: (prompt, top, hooks) => model.promptLogprobs(prompt, top, withSteps(hooks)),
    embed: (prompt, hooks) => model.embed(prompt, withSteps(hooks)),
  }
}
