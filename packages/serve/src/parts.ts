import { randomUUID } from 'node:crypto'
import type { ChatEvent } from '@modu/model'

/** A part of an answer: what APIs that list them call a content block or an output item. */
export type Part =
  | { type: 'reasoning'; text: string }
  | { type: 'text'; text: string }
  | { type: 'toolCall'; id: string; name: string; arguments: string }

/** What happens to the part at `index`. */
export type Step =
  | { type: 'begin'; index: number; part: Part }
  | { type: 'end'; index: number; part: Part }
  /** More of its text, or of its arguments. */
  | { type: 'more'; index: number; part: Part; text: string }

/** A name for a call of a tool, by which the client says what it returned. */
export const newCallId = (prefix: string): string => `${prefix}${randomUUID().replaceAll('-', '').slice(0, 24)}`

/** The arguments of a call; undefined if it was cut in the middle of them. */
export function givenTo(call: Part & { type: 'toolCall' }): object | undefined {
  try {
    return JSON.parse(call.arguments)
  } catch {
    return undefined
  }
}

/** Turns the events of one answer into its parts, one after the other. */
export class Parts {
  readonly all: Part[] = []
  readonly #callPrefix: string
  #isOpen = false

  constructor(callPrefix: string) {
    this.#callPrefix = callPrefix
  }

  receive(event: ChatEvent): Step[] {
    const last = this.all.at(-1)
    switch (event.type) {
      case 'finish':
        return this.#end()
      case 'toolCallDelta': {
        if (event.name === undefined) return [this.#more(last!, event.arguments)]
        const { name } = event
        return [
          ...this.#end(),
          ...this.#begin({ type: 'toolCall', id: newCallId(this.#callPrefix), name, arguments: '' }),
        ]
      }
      case 'toolCall':
        return this.#end()
      default: {
        if (this.#isOpen && last?.type === event.type) return [this.#more(last, event.text)]
        const part: Part = { type: event.type, text: '' }
        return [...this.#end(), ...this.#begin(part), this.#more(part, event.text)]
      }
    }
  }

  #begin(part: Part): Step[] {
    this.#isOpen = true
    // A copy, because the part grows.
    return [{ type: 'begin', index: this.all.push(part) - 1, part: { ...part } }]
  }

  #more(part: Part, text: string): Step {
    if (part.type === 'toolCall') part.arguments += text
    else part.text += text
    return { type: 'more', index: this.all.length - 1, part, text }
  }

  #end(): Step[] {
    if (!this.#isOpen) return []
    this.#isOpen = false
    return [{ type: 'end', index: this.all.length - 1, part: this.all.at(-1)! }]
  }
}
