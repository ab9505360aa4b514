import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Device, LogitBlocks } from '@modu/engine'
import { type BeamOptions, beamSearch } from './beamSearch.ts'
import { type ChatMessage, type ChatTemplate, encodeChat, type ToolDefinition } from './chatTemplate.ts'
import { ModelError } from './errors.ts'
import { readJson } from './files.ts'
import {
  answerRoom,
  CachedSequence,
  type GenerateOptions,
  type GenerationEnd,
  generate,
  type TokenSequence,
  type TurnOptions,
} from './generate.ts'
import { GrammarText } from './grammar/grammar.ts'
import { callGrammar, schemaGrammar } from './grammar/jsonSchema.ts'
import type { JsonSchema } from './grammar/place.ts'
import type { LanguageModel, PagedKvCache } from './languageModel.ts'
import { loadModel, releaseModel } from './loadModel.ts'
import { biased, logprobOf, MeasuringSampler, type TokenLogprob } from './logprobs.ts'
import { OwnSequences } from './ownSequences.ts'
import { pageTokens } from './pagedCache.ts'
import { PlainAnswer } from './plainAnswer.ts'
import { Random } from './random.ts'
import { opensThinking, ReplySampler, thinkingClose } from './replySampler.ts'
import { checkSampling, logitBlock, Sampler, type SamplingOptions } from './sampling.ts'
import { type StreamEvent, TextStream } from './textStream.ts'
import { Tokenizer } from './tokenizer.ts'
import { type GenerationConfigJson, loadChatTemplate } from './tokenizerFiles.ts'
import { narrowWeights } from './weights.ts'

export interface CompletionOptions {
  /**
   * What is absent is as the model's generation_config.json suggests. With `num_beams` there, an answer that is text only,
   * without reasoning, tools, schema, biases and log-probabilities, comes from a beam search unless something is said here.
   */
  sampling?: Partial<SamplingOptions>
  /** At most so many tokens; the rest of the context if absent. */
  maxTokens?: number
  /** Texts that end the answer and are not part of it. */
  stop?: readonly string[]
  /** The same seed gives the same answer on the same device; random if absent. */
  seed?: number
  /** Added to tokens' logits before one is drawn. */
  logitBias?: ReadonlyMap<number, number>
  /** Events tell how likely their tokens were, with so many of the most likely ones; nothing of it if absent. */
  topLogprobs?: number
  /** Breaks the answer off within one token: its reason is thrown. */
  signal?: AbortSignal
  /** Awaited before each step of the model (a chunk of the prompt, or a token), so that several answers take turns. */
  turn?: () => Promise<unknown>
  /** Opens the sequence of the answer's tokens, where a server runs several together; by default the model keeps one itself. */
  open?: (model: LanguageModel) => TokenSequence
  /** Kept up to date as the answer goes, so that its tokens can be counted before they are passed on. */
  usage?: Usage
}

export type PromptOptions = TurnOptions

export interface ChatRequest extends CompletionOptions {
  /** Only what is offered can be called, with arguments that fulfil its schema. */
  tools?: readonly ToolDefinition[]
  /** The answer is JSON that fulfils this schema; behind the reasoning, and unless tools are called. */
  schema?: JsonSchema
  /** The answer begins with a call: of this tool, or of any if true. */
  mustCall?: string | boolean
  /** The answer ends with its first call. */
  endAfterCall?: boolean
  /** Whether there is reasoning before the answer; the template decides if absent. */
  enableThinking?: boolean
  /** Reasoning ends after so many tokens at the latest; by default it leaves a quarter of `maxTokens` to the answer. */
  thinkingBudget?: number
}

export interface Usage {
  promptTokens: number
  /** Those of them that were in a cache, from a prompt with the same beginning: known when the prompt has been read. */
  cachedTokens: number
  /** Tokens that the model gave, reasoning included. */
  completionTokens: number
  reasoningTokens: number
}

/** The passes of a model take a limited number of rows. */
const mostBeams = 16

/** Tokens of a prompt that are read at once where something of each is wanted: logits of many would be large. */
const pieceTokens = 128

/** What a model makes of a text: a direction, so that texts are compared by the cosine of theirs. */
export interface Embedding {
  /** [hidden], of length 1. */
  vector: Float32Array
  /** Tokens of the prompt. */
  tokens: number
}

/** Last of all, why the answer ended. */
export interface FinishEvent {
  type: 'finish'
  reason: GenerationEnd
  /** The stop text that ended it, if one did. */
  stop?: string
  usage: Usage
}

/** `logprobs`, where asked for: the tokens that came since the last event; with the last one, also what ended the answer. */
interface Measured {
  logprobs?: TokenLogprob[]
}

export type ChatEvent = (StreamEvent | FinishEvent) & Measured
export type CompletionEvent = ({ type: 'text'; text: string } | FinishEvent) & Measured

/**
 * A model with its tokenizer and chat template: what a server or a terminal talks to. Answers may run at the same time;
 * they take turns token by token.
 */
export class ChatModel {
  /** The folder's name. */
  readonly name: string
  readonly model: LanguageModel
  readonly tokenizer: Tokenizer
  /** Undefined for models that only complete text. */
  readonly template: ChatTemplate | undefined
  readonly generationConfig: GenerationConfigJson
  readonly #stopIds: ReadonlySet<number>
  readonly #blocks: LogitBlocks
  /** The form of every answer that is text only, at its beginning. */
  readonly #plainAnswer: PlainAnswer
  #closing: readonly number[] | undefined
  /** The sequence of the answer that ended last: its conversation usually goes on. */
  #idle: CachedSequence | undefined
  /** Room for the beams of an answer, when none is being looked for. */
  #idlePages: PagedKvCache | undefined

  constructor(
    name: string,
    model: LanguageModel,
    tokenizer: Tokenizer,
    template: ChatTemplate | undefined,
    generationConfig: GenerationConfigJson = {},
  ) {
    if (tokenizer.vocabularySize > model.config.vocabSize)
      throw new ModelError(
        'config',
        `${name}: the tokenizer has ${tokenizer.vocabularySize} entries, the model only ${model.config.vocabSize}; they do not belong together`,
      )
    this.name = name
    this.model = model
    this.tokenizer = tokenizer
    this.template = template
    this.generationConfig = generationConfig
    this.#blocks = new LogitBlocks(model.device, model.config.vocabSize, logitBlock)
    // A turn ends at the end token; a model that writes another turn's role instead has ended it, too.
    const ends = [generationConfig.eos_token_id ?? [], model.config.eosTokenIds, tokenizer.eosId ?? []].flat()
    this.#stopIds = new Set([...ends, ...tokenizer.specialIds])
    this.#plainAnswer = PlainAnswer.begin(tokenizer, this.#stopIds)
  }

  /** Loads a Hugging Face folder. Errors as `loadModel`, `Tokenizer` and `ChatTemplate`, each naming the file. */
  static load(folder: string, device: Device): ChatModel {
    const model = loadModel(folder, device)
    try {
      narrowWeights(model)
      const tokenizer = Tokenizer.load(folder)
      const template = loadChatTemplate(folder, tokenizer.config)
      const generation = join(folder, 'generation_config.json')
      const config = existsSync(generation) ? (readJson(generation) as GenerationConfigJson) : {}
      return new ChatModel(basename(resolve(folder)), model, tokenizer, template, config)
    } catch (error) {
      releaseModel(model)
      throw error
    }
  }

  /** Tokens of prompt and answer together. */
  get contextLength(): number {
    return this.model.config.maxPositions
  }

  /**
   * Answers a conversation, in the form that `ReplySampler` makes sure of. Throws at once, before there is a generator:
   * `template` (messages), `context` (too long), `option` (a setting out of its range, a schema that cannot be kept).
   */
  chat(messages: readonly ChatMessage[], request: ChatRequest = {}): AsyncGenerator<ChatEvent, void> {
    const { template, tokenizer } = this
    if (!template)
      throw new ModelError(
        'template',
        `${this.name} has no chat template, so it completes text only; add chat_template.jinja`,
      )
    for (const { content } of messages) this.#refuseOverlong(content)
    const promptWith = (enableThinking: boolean | undefined) =>
      encodeChat(tokenizer, template, messages, {
        tools: request.tools?.map(({ strict: _, ...tool }) => tool),
        enableThinking,
        addGenerationPrompt: true,
      })
    const prompt = promptWith(request.enableThinking)
    const opened = opensThinking(tokenizer, prompt)
    const thinking = opened || (request.enableThinking ?? isDeepStrictEqual(prompt, promptWith(true)))
    const maxTokens = answerRoom(this.model, prompt.length, request.maxTokens)
    this.#closing ??= thinkingClose(tokenizer, template)
    const tools = callable(request)
    const endCall = tokenizer.controlTokens.get('</tool_call>')
    const call =
      tools.length > 0 && endCall !== undefined
        ? new GrammarText(tokenizer, callGrammar(tools.map(({ function: f, strict }) => ({ ...f, strict }))), [endCall])
        : undefined
    const answer =
      request.schema === undefined
        ? undefined
        : new GrammarText(tokenizer, schemaGrammar(request.schema), this.#stopIds)
    const makeSampler = this.#samplerMaker(prompt, request)
    const reply = new ReplySampler(tokenizer, makeSampler(), {
      prompt,
      // Reasoning has to say things again and again, digits above all.
      reasoning: makeSampler({ frequencyPenalty: 0, presencePenalty: 0 }),
      thinking,
      thinkingBudget: request.thinkingBudget ?? Math.floor(maxTokens * 0.75),
      closing: this.#closing,
      tools: tools.map(tool => tool.function.name),
      call,
      answer,
      mustCall: !!request.mustCall,
      endAfterCall: request.endAfterCall,
      stopIds: this.#stopIds,
    })
    const stream = new TextStream(tokenizer, { stop: request.stop, thinking: opened })
    const grammars = [call, answer].filter(grammar => grammar !== undefined)
    const isPlain = !thinking && tools.length === 0 && request.schema === undefined
    const search = isPlain ? this.#beams(request) : undefined
    return this.#run(prompt, stream, {
      ...request,
      sampler: reply,
      maxTokens,
      stopIds: this.#stopIds,
      grammars,
      search,
    })
  }

  /** Goes on with a text, as if it began a document, or with token ids as they are. Errors as `chat`. */
  complete(prompt: string | readonly number[], options: CompletionOptions = {}): AsyncGenerator<CompletionEvent, void> {
    const stream = new TextStream(this.tokenizer, { stop: options.stop, plain: true })
    const ids = this.#promptIds(prompt)
    const sampler = this.#samplerMaker(ids, options)()
    const maxTokens = answerRoom(this.model, ids.length, options.maxTokens)
    // A plain stream gives nothing but text.
    return this.#run(ids, stream, { ...options, sampler, maxTokens, stopIds: this.#stopIds }) as AsyncGenerator<
      CompletionEvent,
      void
    >
  }

  /**
   * How likely the tokens of a prompt of `complete` are, each after those before it: the first has nothing before it and
   * is left out. Errors as `complete`, but the prompt may fill the context.
   */
  async promptLogprobs(
    prompt: string | readonly number[],
    top: number,
    options: PromptOptions = {},
  ): Promise<TokenLogprob[]> {
    const { device, config } = this.model
    const ids = this.#promptIds(prompt)
    const measured: TokenLogprob[] = []
    for await (const hidden of this.#read(ids, options)) {
      const part = device.temporary([hidden.length / config.hiddenSize, config.hiddenSize])
      part.reals.set(hidden)
      const logits = this.model.logits(part).reals
      for (let at = 0; at < logits.length && measured.length < ids.length - 1; at += config.vocabSize)
        measured.push(logprobOf(logits.subarray(at, at + config.vocabSize), ids[measured.length + 1]!, top))
      device.reset()
    }
    return measured
  }

  /**
   * The mean of the final hidden states of a prompt of `complete`, made 1 long. Rather than the last one: by nano's, pairs
   * of sentences are ranked more as people rank them. Errors as `promptLogprobs`.
   */
  async embed(prompt: string | readonly number[], options: PromptOptions = {}): Promise<Embedding> {
    const ids = this.#promptIds(prompt)
    const vector = new Float32Array(this.model.config.hiddenSize)
    for await (const hidden of this.#read(ids, options))
      for (let i = 0; i < hidden.length; i++) vector[i % vector.length]! += hidden[i]!
    const length = Math.hypot(...vector)
    return { vector: vector.map(sum => sum / length), tokens: ids.length }
  }

  /** The final hidden states of a prompt's tokens, [tokens, hidden], in pieces, each in its turn. */
  async *#read(ids: readonly number[], { turn, signal }: PromptOptions): AsyncGenerator<Float32Array> {
    if (ids.length === 0) throw new ModelError('context', 'the prompt is empty; give at least one token')
    if (ids.length > this.contextLength)
      throw new ModelError(
        'context',
        `the prompt has ${ids.length} tokens, but the model's context is ${this.contextLength}; shorten the prompt`,
      )
    const cache = this.model.createCache(ids.length)
    try {
      while (cache.length < ids.length) {
        await turn?.()
        signal?.throwIfAborted()
        yield this.model.stepHidden(ids.slice(cache.length, cache.length + pieceTokens), cache)
      }
    } finally {
      cache.release()
    }
  }

  /** Gives the memory of weights and caches back. No answer may be running. */
  close(): void {
    this.#idle?.cache.release()
    this.#idle = undefined
    this.#idlePages?.release()
    this.#idlePages = undefined
    this.#blocks.release()
    releaseModel(this.model)
  }

  /** Refuses a text that cannot fit whatever its tokens are: encoding some megabytes would hold up everybody else. */
  #refuseOverlong(text: unknown): void {
    if (typeof text !== 'string') return
    // NFC makes one syllable of up to three letters of equal size.
    const atLeast = Math.floor(Buffer.byteLength(text) / this.tokenizer.longestEntry / 3)
    if (atLeast >= this.contextLength)
      throw new ModelError(
        'context',
        `the prompt has at least ${atLeast} tokens, but the model's context is ${this.contextLength}, answer included; shorten the prompt`,
      )
  }

  #promptIds(prompt: string | readonly number[]): readonly number[] {
    const { bosId } = this.tokenizer
    this.#refuseOverlong(prompt)
    if (typeof prompt === 'string')
      return [...(bosId === undefined ? [] : [bosId]), ...this.tokenizer.encodePlain(prompt)]
    for (const id of prompt)
      if (!(Number.isInteger(id) && id >= 0 && id < this.model.config.vocabSize))
        throw new ModelError(
          'token',
          `${id} is not a token id; ids are integers from 0 to ${this.model.config.vocabSize - 1}`,
        )
    return prompt
  }

  /** How a plain answer is looked for, if generation_config.json says so and the request does not say how to sample. */
  #beams({ sampling, seed, logitBias, topLogprobs }: CompletionOptions): BeamOptions | undefined {
    const { num_beams: beams = 1, length_penalty: lengthPenalty = 1 } = this.generationConfig
    if (!(Number.isInteger(beams) && beams >= 1 && beams <= mostBeams))
      throw new ModelError('option', `num_beams is ${beams}; it must be an integer from 1 to ${mostBeams}`)
    const isAsked = Object.keys(defined(sampling)).length > 0 || logitBias?.size || topLogprobs !== undefined
    if (beams === 1 || isAsked) return undefined
    if (!Number.isFinite(lengthPenalty))
      throw new ModelError('option', `length_penalty is ${JSON.stringify(lengthPenalty)}; it must be a number`)
    return {
      beams,
      lengthPenalty,
      temperature: checkSampling(samplingOf(this.generationConfig)).temperature,
      random: randomOf(seed),
      blocks: this.#blocks,
      form: this.#plainAnswer,
      stopIds: this.#stopIds,
    }
  }

  /** Returns what makes the samplers of one answer, which draw from the same random numbers. */
  #samplerMaker(prompt: readonly number[], { sampling, seed, logitBias }: CompletionOptions) {
    const settings = checkSampling({ ...samplingOf(this.generationConfig), ...defined(sampling) })
    const random = randomOf(seed)
    for (const id of logitBias?.keys() ?? [])
      if (!(Number.isInteger(id) && id >= 0 && id < this.model.config.vocabSize))
        throw new ModelError('option', `logit_bias names ${id}, which is no token id of this model`)
    return (instead: Partial<SamplingOptions> = {}): Pick<Sampler, 'next'> => {
      const sampler = new Sampler({ ...settings, ...instead }, random, prompt, this.#blocks)
      return logitBias?.size ? biased(sampler, logitBias) : sampler
    }
  }

  async *#run(
    prompt: readonly number[],
    stream: TextStream,
    options: GenerateOptions &
      Pick<CompletionOptions, 'open' | 'usage' | 'topLogprobs'> & {
        maxTokens: number
        grammars?: readonly GrammarText[]
        /** Looks for the answer rather than sampling it. */
        search?: BeamOptions | undefined
      },
  ): AsyncGenerator<ChatEvent, void> {
    const { topLogprobs, grammars = [], search, maxTokens } = options
    const measuring = topLogprobs === undefined ? undefined : new MeasuringSampler(options.sampler, topLogprobs)
    let logprobs: TokenLogprob[] = []
    const withLogprobs = <E extends ChatEvent>(event: E): E =>
      measuring ? { ...event, logprobs: logprobs.splice(0) } : event
    const usage = countFor(prompt, options.usage)
    const opened = options.open?.(this.model)
    // Those of a beam begin and end within a page.
    const perBeam = maxTokens + 2 * pageTokens
    const pages = search && !opened ? this.#pagesFor(prompt.length + search.beams * perBeam) : undefined
    const beams = pages && new OwnSequences(this.model, pages, options).open()
    const own = search || opened ? undefined : this.#sequenceFor(prompt, prompt.length + maxTokens)
    const sequence = (own ?? beams ?? opened)!
    let reason: GenerationEnd = 'stop'
    try {
      for (const grammar of grammars) await grammar.prepare()
      const tokens =
        search && !(sequence instanceof CachedSequence)
          ? beamSearch(this.model, sequence, prompt, { ...search, maxTokens })
          : generate(this.model, sequence, prompt, { ...options, sampler: measuring ?? options.sampler })
      while (!stream.stopped) {
        const next = await tokens.next()
        usage.cachedTokens = sequence.reused
        if (next.done) {
          reason = next.value
          break
        }
        usage.completionTokens++
        if (stream.thinking) usage.reasoningTokens++
        if (measuring) logprobs.push(measuring.last!)
        for (const event of stream.push(next.value)) yield withLogprobs(event)
      }
    } finally {
      for (const grammar of grammars) grammar.release()
      if (own) {
        this.#idle?.cache.release()
        this.#idle = own
      }
      if (pages) {
        this.#idlePages?.release()
        this.#idlePages = pages
      }
    }
    for (const event of stream.end()) yield withLogprobs(event)
    // What a stop text consists of is no part of the answer; the token that ended it is worth knowing.
    if (stream.stopped) logprobs = []
    else if (measuring && reason === 'stop') logprobs.push(measuring.last!)
    yield withLogprobs({ type: 'finish', reason, stop: stream.stoppedBy, usage })
  }

  /** The idle pages if `tokens` fit into them, else new ones. */
  #pagesFor(tokens: number): PagedKvCache {
    const idle = this.#idlePages
    if (!idle || idle.pages * idle.pageTokens < tokens) return this.model.createPages(roundUp(tokens))
    this.#idlePages = undefined
    return idle
  }

  /** The idle sequence if it is large enough and has some of the prompt, else a new one. */
  #sequenceFor(prompt: readonly number[], length: number): CachedSequence {
    const idle = this.#idle
    if (idle && idle.cache.capacity >= length && idle.sharedWith(prompt) > 1) {
      this.#idle = undefined
      return idle
    }
    return new CachedSequence(this.model, Math.min(this.contextLength, roundUp(length)))
  }
}

/** Room for so many tokens and some that later answers may need. */
const roundUp = (tokens: number): number => Math.ceil(tokens / 1024) * 1024

/** The count as an answer begins, in the object of the caller if there is one. */
const countFor = (prompt: readonly number[], usage?: Usage): Usage =>
  Object.assign(usage ?? {}, {
    promptTokens: prompt.length,
    cachedTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
  })

/** The tools that a reply may call. An `option` error if it must call one that is not offered. */
function callable({ tools = [], mustCall }: ChatRequest): readonly ToolDefinition[] {
  const named = tools.filter(tool => tool.function.name === mustCall)
  if (typeof mustCall === 'string' && named.length === 0)
    throw new ModelError('option', `tool_choice is ${JSON.stringify(mustCall)}, but no tool has that name`)
  if (mustCall === true && tools.length === 0)
    throw new ModelError('option', 'tool_choice asks for a call, but there are no tools')
  return typeof mustCall === 'string' ? named : tools
}

/** What generation_config.json suggests, in our names. */
function samplingOf(config: GenerationConfigJson): Partial<SamplingOptions> {
  return defined({
    temperature: config.do_sample === false ? 0 : config.temperature,
    topK: config.top_k,
    topP: config.top_p,
    minP: config.min_p,
    repetitionPenalty: config.repetition_penalty,
    frequencyPenalty: config.frequency_penalty,
  })
}

const defined = <T extends object>(options: T | undefined): Partial<T> =>
  Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value != null)) as Partial<T>

/** The random numbers of an answer: always the same with a seed. */
function randomOf(seed: number | undefined): Random {
  if (seed === undefined) return new Random(Math.floor(Math.random() * 2 ** 53))
  if (Number.isSafeInteger(seed)) return new Random(seed)
  throw new ModelError('option', `seed is ${seed}; it must be an integer of at most 53 bits`)
}
