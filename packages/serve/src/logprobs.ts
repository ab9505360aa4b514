import type { Tokenizer, TokenLogprob } from '@modu/model'

/* How likely tokens were, as OpenAI's two APIs tell it. */

/** A token's text; of a part of a character the bytes, as OpenAI writes them: `bytes:\xec\x95`. */
function textOf(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.tokenBytes(id)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return `bytes:${Array.from(bytes, byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
  }
}

/** `logprobs` of a choice of `/v1/chat/completions`, or of its chunk: of the answer's tokens, control tokens aside. */
export function chatLogprobs(tokenizer: Tokenizer, measured: readonly TokenLogprob[]) {
  const describe = ({ id, logprob }: { id: number; logprob: number }) => ({
    token: textOf(tokenizer, id),
    logprob,
    bytes: [...tokenizer.tokenBytes(id)],
  })
  return measured
    .filter(({ id }) => !tokenizer.isControl(id))
    .map(token => ({ ...describe(token), top_logprobs: token.top.map(describe) }))
}

export interface CompletionLogprobs {
  tokens: string[]
  token_logprobs: (number | null)[]
  top_logprobs: (Record<string, number> | null)[]
  text_offset: number[]
}

/** A token of an echoed prompt; nothing comes before the first one that could have told how likely it was. */
export type EchoedToken = Pick<TokenLogprob, 'id'> & Partial<TokenLogprob>

/** Tells of the tokens of one choice of `/v1/completions`, in order, where in the text (in code points) they begin. */
export class CompletionLogprobsWriter {
  readonly #tokenizer: Tokenizer
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #offset = 0

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** The next tokens. Control tokens take room in the text only where it shows them, as an echoed prompt does. */
  write(tokens: readonly EchoedToken[], { showsControl = false } = {}): CompletionLogprobs {
    const part: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
    for (const { id, logprob, top } of tokens) {
      const text = textOf(this.#tokenizer, id)
      part.tokens.push(text)
      part.token_logprobs.push(logprob ?? null)
      part.top_logprobs.push(top && logprob !== undefined ? this.#byText([...top, { id, logprob }]) : null)
      part.text_offset.push(this.#offset)
      if (showsControl || !this.#tokenizer.isControl(id))
        this.#offset += [...this.#decoder.decode(this.#tokenizer.tokenBytes(id), { stream: true })].length
    }
    return part
  }

  #byText(tokens: readonly { id: number; logprob: number }[]): Record<string, number> {
    return Object.fromEntries(tokens.map(({ id, logprob }) => [textOf(this.#tokenizer, id), logprob]))
  }
}

/** All parts as one. */
export const joinLogprobs = (parts: readonly CompletionLogprobs[]): CompletionLogprobs => ({
  tokens: parts.flatMap(part => part.tokens),
  token_logprobs: parts.flatMap(part => part.token_logprobs),
  top_logprobs: parts.flatMap(part => part.top_logprobs),
  text_offset: parts.flatMap(part => part.text_offset),
})
