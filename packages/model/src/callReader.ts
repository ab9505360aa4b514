/** A piece of a call's arguments, as JSON; the first of a call has its name and no text yet. */
export interface ToolCallDelta {
  type: 'toolCallDelta'
  name?: string
  arguments: string
}

/** A call that is whole; its pieces have come before. */
export interface ToolCallEvent {
  type: 'toolCall'
  name: string
  arguments: Record<string, unknown>
}

export type ToolCallPiece = ToolCallDelta | ToolCallEvent

/** What stands before the arguments. */
const head = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\{)/

/** Reads one call in Hermes form, `{"name": …, "arguments": {…}}`, as it comes. */
export class CallReader {
  #text = ''
  #hasBegun = false
  /** Braces that are open in the arguments; 0 once they are whole. */
  #open = 0
  #inString = false
  #afterBackslash = false

  push(text: string): ToolCallPiece[] {
    this.#text += text
    if (this.#hasBegun) return this.#pass(text)
    const [whole, name] = head.exec(this.#text) ?? []
    if (whole === undefined) return []
    return [...this.#begin(JSON.parse(name!)), ...this.#pass(this.#text.slice(whole.length))]
  }

  /** The call, or, if it never became one, its text. Of one that was cut the pieces have come. */
  end(): (ToolCallPiece | { type: 'text'; text: string })[] {
    const call = parseToolCall(this.#text)
    if (!call) return this.#hasBegun || this.#text === '' ? [] : [{ type: 'text', text: this.#text }]
    if (this.#hasBegun) return [call]
    const given = JSON.stringify(call.arguments)
    return [...this.#begin(call.name), { type: 'toolCallDelta', arguments: given }, call]
  }

  #begin(name: string): ToolCallPiece[] {
    this.#hasBegun = true
    return [{ type: 'toolCallDelta', name, arguments: '' }]
  }

  /** What of the text belongs to the arguments. */
  #pass(text: string): ToolCallPiece[] {
    let length = 0
    for (; length < text.length && !this.#isOver; length++) this.#follow(text[length]!)
    return length > 0 ? [{ type: 'toolCallDelta', arguments: text.slice(0, length) }] : []
  }

  get #isOver(): boolean {
    return this.#open < 0
  }

  #follow(char: string): void {
    if (this.#inString) {
      if (char === '"' && !this.#afterBackslash) this.#inString = false
      this.#afterBackslash = char === '\\' && !this.#afterBackslash
    } else if (char === '"') this.#inString = true
    else if (char === '{' || char === '[') this.#open++
    else if (char === '}' || char === ']') {
      this.#open--
      if (this.#open === 0) this.#open = -1
    }
  }
}

/** The call that a text is; undefined if the model wrote something else. */
function parseToolCall(text: string): ToolCallEvent | undefined {
  try {
    const { name, arguments: given = {} } = JSON.parse(text)
    if (typeof name !== 'string' || typeof given !== 'object' || given === null || Array.isArray(given))
      return undefined
    return { type: 'toolCall', name, arguments: given }
  } catch {
    return undefined
  }
}
