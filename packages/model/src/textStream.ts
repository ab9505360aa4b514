import { CallReader, type ToolCallPiece } from './callReader.ts'
import type { Tokenizer } from './tokenizer.ts'

/** A piece of an answer, in whole characters. */
export type StreamEvent = { type: 'reasoning'; text: string } | { type: 'text'; text: string } | ToolCallPiece

export interface TextStreamOptions {
  /** Texts that end the answer; never shown, not even in part. They are looked for in the answer, not in reasoning. */
  stop?: readonly string[]
  /** Whether the prompt has opened a `<think>` block. */
  thinking?: boolean
  /** Everything is text, as in plain completion: no reasoning, no tool calls. */
  plain?: boolean
}

/**
 * Turns the tokens of one answer into events as they come. A character appears when its last byte has arrived (a Hangul
 * syllable may be three tokens). Control tokens are never shown; thinking and tool tags switch between reasoning, text
 * and tool calls, whose arguments come as they are written. What looks like the beginning of a stop text is held back until
 * it is one or not.
 */
export class TextStream {
  /** The stop text that has come: the answer is over, and tokens that follow are ignored. */
  stoppedBy: string | undefined
  readonly #tokenizer: Tokenizer
  readonly #stop: readonly string[]
  readonly #switches: ReadonlyMap<number, string>
  #channel: 'reasoning' | 'text' | 'toolCall'
  #decoder = newDecoder()
  /** Whether the decoder may hold the beginning of a character. */
  #isMidway = false
  /** Text that may begin a stop text. */
  #held = ''
  #call = new CallReader()

  constructor(tokenizer: Tokenizer, options: TextStreamOptions = {}) {
    this.#tokenizer = tokenizer
    this.#stop = (options.stop ?? []).filter(text => text !== '')
    this.#channel = options.thinking ? 'reasoning' : 'text'
    const tags = options.plain ? [] : ['<think>', '</think>', '<tool_call>', '</tool_call>']
    this.#switches = new Map(
      tags.flatMap(tag => (tokenizer.controlTokens.has(tag) ? [[tokenizer.controlId(tag), tag]] : [])),
    )
  }

  get stopped(): boolean {
    return this.stoppedBy !== undefined
  }

  /** Whether the next token belongs to the reasoning. */
  get thinking(): boolean {
    return this.#channel === 'reasoning'
  }

  push(id: number): StreamEvent[] {
    if (this.stopped) return []
    const tag = this.#switches.get(id)
    if (tag !== undefined) return this.#switch(tag)
    if (this.#tokenizer.isControl(id)) return []
    return this.#add(this.#textOf(id))
  }

  /** What a token adds to the text: most are whole characters, which need no decoder. */
  #textOf(id: number): string {
    const whole = this.#tokenizer.wholeText(id)
    if (whole !== undefined && !this.#isMidway) return whole
    this.#isMidway = whole === undefined
    return this.#decoder.decode(this.#tokenizer.tokenBytes(id), { stream: true })
  }

  /** What was held back, once no more tokens come. An incomplete character is dropped. */
  end(): StreamEvent[] {
    return this.stopped ? [] : this.#flush()
  }

  #switch(tag: string): StreamEvent[] {
    const events = this.#flush()
    this.#channel = tag === '<think>' ? 'reasoning' : tag === '<tool_call>' ? 'toolCall' : 'text'
    return events
  }

  #add(text: string): StreamEvent[] {
    if (text === '') return []
    if (this.#channel === 'reasoning') return [{ type: 'reasoning', text }]
    if (this.#channel === 'toolCall') return this.#call.push(text)
    if (this.#stop.length === 0) return [{ type: 'text', text }]
    this.#held += text
    const [first] = this.#stop
      .map(stop => ({ stop, at: this.#held.indexOf(stop) }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at)
    this.stoppedBy = first?.stop
    const shown = first ? first.at : this.#held.length - this.#possibleStop()
    const events: StreamEvent[] = shown > 0 ? [{ type: 'text', text: this.#held.slice(0, shown) }] : []
    this.#held = this.#held.slice(shown)
    return events
  }

  /** The length of the longest end of the held text that a stop text begins with. */
  #possibleStop(): number {
    const longest = Math.max(0, ...this.#stop.map(stop => stop.length - 1))
    for (let length = Math.min(longest, this.#held.length); length > 0; length--) {
      const ending = this.#held.slice(-length)
      if (this.#stop.some(stop => stop.startsWith(ending))) return length
    }
    return 0
  }

  #flush(): StreamEvent[] {
    const held = this.#held
    this.#held = ''
    this.#decoder = newDecoder()
    this.#isMidway = false
    if (this.#channel !== 'toolCall') return held === '' ? [] : [{ type: 'text', text: held }]
    const events = this.#call.end()
    this.#call = new CallReader()
    return events
  }
}

const newDecoder = () => new TextDecoder('utf-8', { ignoreBOM: true })
