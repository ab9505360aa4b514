import { type ChatTemplate, encodeChat } from './chatTemplate.ts'
import { ModelError } from './errors.ts'
import type { GrammarText } from './grammar/grammar.ts'
import type { Sampler } from './sampling.ts'
import type { Tokenizer } from './tokenizer.ts'
import { callProgress } from './toolCall.ts'
import { Utf8Vocabulary } from './utf8.ts'

export interface ReplyOptions {
  /** The ids that the reply follows. If they end by `<think>`, the reasoning is open already. */
  prompt: readonly number[]
  /** Whether reasoning comes before the answer. Without the tags in the vocabulary there is none. */
  thinking: boolean
  /** What draws the tokens of reasoning; what draws the others if absent. */
  reasoning?: Pick<Sampler, 'next'>
  /** At most so many tokens of reasoning; no limit if absent. */
  thinkingBudget?: number
  /** The tokens that end reasoning when the budget is used up: those of `thinkingClose`. */
  closing?: readonly number[]
  /** The names of the tools that the reply may call. */
  tools?: readonly string[]
  /** What stands in a call, ended by `</tool_call>`. Without it, a call of one of `tools` with any arguments. */
  call?: GrammarText
  /** What the answer is, calls aside, ended by `stopIds`. Without it, any text. */
  answer?: GrammarText
  /** Whether the answer begins with a call, of one of `tools`. */
  mustCall?: boolean
  /** Whether the reply ends with its first call. */
  endAfterCall?: boolean
  /** Tokens that end the reply. */
  stopIds: ReadonlySet<number>
}

/**
 * Draws the tokens of one reply so that its form is right whatever the weights are: reasoning if it is asked for and only
 * then, closed after at most `thinkingBudget` tokens; behind it an answer that is never blank; calls only of tools that are
 * offered, each a whole JSON object; no other control token; no bytes that are not UTF-8; and what grammars ask for. What
 * cannot come gets the logit −∞.
 *
 * It stands wherever a `Sampler` does, one for each sequence:
 *
 *     const closing = thinkingClose(tokenizer, template)
 *     const reply = new ReplySampler(tokenizer, new Sampler(options, random), { prompt, thinking: true, thinkingBudget: 200, closing, stopIds })
 *     for (let token = reply.next(logits); !stopIds.has(token); token = reply.next(logits)) logits = model.step([token], cache)
 */
export class ReplySampler {
  readonly #tokenizer: Tokenizer
  readonly #sampler: Pick<Sampler, 'next'>
  readonly #options: ReplyOptions
  /** Tokens that are no text. */
  readonly #control: ReadonlySet<number>
  readonly #tags: Record<'think' | 'endThink' | 'call' | 'endCall', number | undefined>
  #part: 'reasoning' | 'answer' | 'toolCall' = 'answer'
  /** Tokens that must come next. */
  #forced: number[] = []
  #reasoningTokens = 0
  /** Whether the part has anything that a reader sees. */
  #visible = false
  /** Whether the part's grammar has taken a token. */
  #hasBegun = false
  #decoder = new TextDecoder()
  readonly #utf8: Utf8Vocabulary
  /** What the part's last character still needs. */
  #character = 0
  /** A call so far, and the names of the tools, a character for a byte. */
  #call = ''
  readonly #tools: readonly string[]

  /** An `option` error if the budget is no integer of 0 or more. */
  constructor(tokenizer: Tokenizer, sampler: Pick<Sampler, 'next'>, options: ReplyOptions) {
    const { prompt, thinking, thinkingBudget } = options
    if (thinkingBudget !== undefined && !(Number.isInteger(thinkingBudget) && thinkingBudget >= 0))
      throw new ModelError('option', `thinking_budget is ${thinkingBudget}; it must be an integer of 0 or more`)
    this.#tokenizer = tokenizer
    this.#sampler = sampler
    this.#options = options
    this.#utf8 = Utf8Vocabulary.of(tokenizer)
    this.#tools = (options.tools ?? []).map(name => inBytes(Buffer.from(name)))
    const { controlTokens } = tokenizer
    this.#control = new Set([...controlTokens.values(), ...options.stopIds])
    this.#tags = {
      think: controlTokens.get('<think>'),
      endThink: controlTokens.get('</think>'),
      call: controlTokens.get('<tool_call>'),
      endCall: controlTokens.get('</tool_call>'),
    }
    const { think, endThink, call } = this.#tags
    if (options.mustCall && call === undefined)
      throw new ModelError('option', 'tool_choice asks for a call, but the vocabulary has no <tool_call>')
    if (think === undefined || endThink === undefined) this.#beginAnswer()
    else if (opensThinking(tokenizer, prompt)) this.#begin('reasoning')
    else if (thinking) this.#forced = [think]
    else this.#beginAnswer()
  }

  /** The next token. logits: [vocabulary], changed in place. */
  next(logits: Float32Array): number {
    const forced = this.#forced.shift()
    const token = forced ?? this.#draw(logits)
    // What is forced is no part of a grammar's text: the blank text that a template has behind reasoning.
    if (forced === undefined && !this.#control.has(token)) {
      this.#hasBegun = true
      this.#grammar?.follow(token)
    }
    this.#follow(token)
    return token
  }

  /** That of the part. */
  get #grammar(): GrammarText | undefined {
    return this.#part === 'reasoning' ? undefined : this.#options[this.#part === 'toolCall' ? 'call' : 'answer']
  }

  #draw(logits: Float32Array): number {
    for (const id of this.#utf8.broken(this.#character)) logits[id] = -Infinity
    for (const id of this.#control) if (!this.#allows(id)) logits[id] = -Infinity
    // A model may have more rows than the tokenizer has entries.
    logits.fill(-Infinity, this.#tokenizer.vocabularySize)
    this.#grammar?.forbid(logits, this.#besideGrammar())
    if (this.#part === 'reasoning') return (this.#options.reasoning ?? this.#sampler).next(logits)
    if (this.#part !== 'toolCall' || this.#grammar) return this.#sampler.next(logits)
    const { endCall } = this.#tags
    return this.#sampler.next(logits, id => id === endCall || this.#callWith(this.#bytes(id)) !== 'wrong')
  }

  /** What may come instead of what the grammar wants: at its beginning a call, and behind a call the end. */
  #besideGrammar(): number[] {
    if (this.#part !== 'answer' || this.#hasBegun) return []
    const { call } = this.#tags
    const ends = this.#visible ? [...this.#options.stopIds] : []
    return call !== undefined && this.#tools.length > 0 ? [call, ...ends] : ends
  }

  #callWith(bytes: string) {
    return callProgress(this.#call + bytes, this.#tools)
  }

  #bytes(id: number): string {
    return inBytes(this.#tokenizer.tokenBytes(id))
  }

  /** Whether a control token may come next. */
  #allows(id: number): boolean {
    const { endThink, call, endCall } = this.#tags
    if (this.#character !== 0) return false
    if (this.#part === 'reasoning') return id === endThink && this.#visible
    if (this.#part === 'toolCall')
      return id === endCall && (this.#grammar !== undefined || this.#callWith('') === 'whole')
    // A grammar knows when it may end.
    if (this.#options.stopIds.has(id)) return this.#visible || this.#grammar !== undefined
    return id === call && this.#tools.length > 0
  }

  #follow(token: number): void {
    const { think, endThink, call, endCall } = this.#tags
    if (token === think) this.#begin('reasoning')
    else if (token === endThink) this.#beginAnswer()
    else if (token === call) this.#begin('toolCall')
    else if (token === endCall) {
      this.#begin('answer')
      this.#visible = true
      if (this.#options.endAfterCall) this.#forced = [...this.#options.stopIds].slice(0, 1)
    } else {
      this.#visible ||= this.#decoder.decode(this.#tokenizer.tokenBytes(token), { stream: true }).trim() !== ''
      this.#character = this.#utf8.after(this.#character, token)
      if (this.#part === 'reasoning') this.#reasoningTokens++
      if (this.#part === 'toolCall') this.#call += this.#bytes(token)
      this.#closeInTime()
    }
  }

  #begin(part: 'reasoning' | 'answer' | 'toolCall'): void {
    this.#part = part
    this.#visible = false
    this.#decoder = new TextDecoder()
    this.#character = 0
    this.#call = ''
    this.#hasBegun = false
    this.#grammar?.restart()
    this.#closeInTime()
  }

  #beginAnswer(): void {
    this.#begin('answer')
    // Behind the blank text that a template has after reasoning.
    if (this.#options.mustCall) this.#forced.push(this.#tags.call!)
  }

  #closeInTime(): void {
    const { thinkingBudget = Infinity, closing = [this.#tags.endThink!] } = this.#options
    if (this.#part === 'reasoning' && this.#reasoningTokens >= thinkingBudget && this.#forced.length === 0)
      this.#forced = [...closing]
  }
}

const inBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** Whether a prompt leaves off inside `<think>`. */
export function opensThinking(tokenizer: Tokenizer, prompt: readonly number[]): boolean {
  const last = prompt.findLast(id => tokenizer.isControl(id))
  return last !== undefined && last === tokenizer.controlTokens.get('<think>')
}

/** The tokens by which a template ends reasoning: `</think>` with the blank text around it. */
export function thinkingClose(tokenizer: Tokenizer, template: ChatTemplate): number[] {
  const close = tokenizer.controlTokens.get('</think>')
  if (close === undefined) return []
  const ids = encodeChat(tokenizer, template, [
    { role: 'user', content: 'a' },
    { role: 'assistant', reasoning_content: 'b', content: 'c' },
  ])
  const at = ids.lastIndexOf(close)
  const isBlank = (id: number | undefined) => id !== undefined && tokenizer.decode([id]).trim() === ''
  let [from, to] = [at, at + 1]
  while (at >= 0 && isBlank(ids[from - 1])) from--
  while (at >= 0 && isBlank(ids[to])) to++
  return at < 0 ? [close] : ids.slice(from, to)
}
