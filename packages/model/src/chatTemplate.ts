import { readFileSync } from 'node:fs'
import { Template } from '@huggingface/jinja'
import { ignoredLabel } from '@modu/engine'
import { ModelError } from './errors.ts'
import type { Tokenizer } from './tokenizer.ts'

/** A message in the shape of OpenAI's chat API, with `reasoning_content` as vLLM and DeepSeek name it. */
export interface ChatMessage {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  content?: string | null | { type: string; text?: string }[]
  reasoning_content?: string | null
  tool_calls?: ToolCall[] | null
  tool_call_id?: string
  name?: string
}

export interface ToolCall {
  id?: string
  type?: string
  /** `arguments` is an object, or its JSON as OpenAI sends it. */
  function: { name: string; arguments: string | Record<string, unknown> }
}

/** A tool offered to the model, in OpenAI's shape. `parameters` is a JSON schema. */
export interface ToolDefinition {
  type?: string
  function: { name: string; description?: string; parameters?: Record<string, unknown> }
  /** Whether a schema that cannot be kept is refused, rather than kept as far as it can be. */
  strict?: boolean
}

export interface ChatOptions {
  tools?: readonly ToolDefinition[]
  /** Whether the model thinks before it answers. Templates without the variable ignore it. */
  enableThinking?: boolean
  /** Whether the text ends where the assistant goes on. */
  addGenerationPrompt?: boolean
}

/** Modu's own template, as it is written into a model's folder. */
export const moduChatTemplate: string = readFileSync(new URL('./chatTemplate.jinja', import.meta.url), 'utf8')

/** A chat template in Hugging Face's Jinja, compiled once. */
export class ChatTemplate {
  readonly source: string
  readonly #template: Template

  /** A `template` error if the source is not understood. */
  constructor(source: string) {
    this.source = source
    try {
      this.#template = new Template(source)
    } catch (error) {
      throw templateError('cannot be parsed', error)
    }
  }

  /** The text of a conversation whose messages are already normalised. */
  render(messages: readonly object[], options: ChatOptions, tokens: Record<string, unknown> = {}): string {
    for (const [i, tool] of (options.tools ?? []).entries())
      if (typeof tool?.function?.name !== 'string')
        throw invalid(`tools[${i}].function.name`, 'is missing; give the name of the tool')
    try {
      return this.#template.render({
        ...tokens,
        messages,
        tools: options.tools?.length ? options.tools : undefined,
        add_generation_prompt: options.addGenerationPrompt ?? false,
        enable_thinking: options.enableThinking,
      })
    } catch (error) {
      throw templateError('cannot render this conversation', error)
    }
  }
}

const templateError = (what: string, error: unknown): ModelError =>
  new ModelError(
    'template',
    `the chat template ${what}: ${(error as Error).message}; check chat_template.jinja and the messages`,
    {
      cause: error,
    },
  )

/**
 * The text of a conversation, to look at. To feed a model use `encodeChat`: in this text a control token that someone
 * typed cannot be told from a real one. A `template` error names the message that is not in order.
 */
export function renderChat(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): string {
  return template.render(normalizeMessages(messages), options)
}

/**
 * Token ids of a conversation. Control tokens come from the template only: whatever stands in the messages, names, tool
 * definitions or results is encoded as plain text, also where a control token is spelled out or split over two of them.
 * Otherwise the ids are those of the rendered text.
 */
export function encodeChat(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): number[] {
  const normalized = normalizeMessages(messages)
  const guard = new Guard(tokenizer, JSON.stringify([normalized, options.tools]) + template.source)
  const { bos_token, eos_token, pad_token } = tokenizer.config
  const text = template.render(
    // Roles are fixed words, and templates compare them.
    normalized.map(({ role, ...rest }) => ({ role, ...(guard.protect(rest) as object) })),
    { ...options, tools: guard.protect(options.tools) as ChatOptions['tools'] },
    { bos_token: tokenText(bos_token), eos_token: tokenText(eos_token), pad_token: tokenText(pad_token) },
  )
  return tokenizer.encode(text, { restore: piece => guard.restore(piece) })
}

const tokenText = (token: string | { content: string } | null | undefined) =>
  typeof token === 'object' ? token?.content : token

/**
 * A conversation for fine-tuning: the ids of `encodeChat`, and labels that are the ids where the assistant speaks
 * (reasoning, answer, tool calls, end of turn) and −100 elsewhere. What generation prompts give is not counted: neither
 * the role nor an opening `<think>`. Labels are not shifted; `LanguageModel.loss` does that.
 */
export function encodeConversation(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: Omit<ChatOptions, 'addGenerationPrompt' | 'enableThinking'> = {},
): { ids: number[]; labels: number[] } {
  const { eosId } = tokenizer
  if (eosId === undefined)
    throw new ModelError(
      'config',
      'the tokenizer has no eos_token; name the end-of-turn token in tokenizer_config.json',
    )
  const ids = encodeChat(tokenizer, template, messages, options)
  const opening = generationPrompt(tokenizer, template)
  const thinkId = tokenizer.controlTokens.get('<think>')
  const labels = new Array<number>(ids.length).fill(ignoredLabel)
  for (let i = 0; i < ids.length; i++) {
    if (!opening.every((id, k) => ids[i + k] === id)) continue
    i += opening.length
    if (ids[i] === thinkId) i++
    for (; i < ids.length; i++) {
      labels[i] = ids[i]
      if (ids[i] === eosId) break
    }
  }
  return { ids, labels }
}

/** The tokens by which the template opens an assistant's turn. They begin with a control token, so no content holds them. */
function generationPrompt(tokenizer: Tokenizer, template: ChatTemplate): number[] {
  const messages: ChatMessage[] = [{ role: 'user', content: 'a' }]
  const without = encodeChat(tokenizer, template, messages)
  const opening = encodeChat(tokenizer, template, messages, { addGenerationPrompt: true }).slice(without.length)
  if (!tokenizer.isControl(opening[0] ?? -1))
    throw new ModelError(
      'template',
      'the chat template opens no assistant turn with a control token; fine-tuning needs one',
    )
  return opening
}

interface NormalizedMessage {
  role: string
  content: string
  reasoning_content?: string
  tool_calls?: ToolCall[]
  [field: string]: unknown
}

const roles = ['system', 'developer', 'user', 'assistant', 'tool']

/** Checks the messages and brings them into the one form that templates expect. */
function normalizeMessages(messages: readonly ChatMessage[]): NormalizedMessage[] {
  if (!(messages?.length > 0)) throw invalid('messages', 'is empty; give at least one message')
  return messages.map((message, i) => {
    const path = `messages[${i}]`
    if (typeof message !== 'object' || message === null) throw invalid(path, 'is not an object with role and content')
    if (!roles.includes(message.role))
      throw invalid(`${path}.role`, `is ${JSON.stringify(message.role)}; it must be one of ${roles.join(', ')}`)
    const { reasoning_content, tool_calls, ...rest } = message
    const normalized: NormalizedMessage = {
      ...rest,
      role: message.role === 'developer' ? 'system' : message.role,
      content: textOf(message.content, `${path}.content`, !!tool_calls?.length),
    }
    if (reasoning_content != null) {
      if (typeof reasoning_content !== 'string') throw invalid(`${path}.reasoning_content`, 'is not a string')
      normalized.reasoning_content = reasoning_content
    }
    if (tool_calls?.length)
      normalized.tool_calls = tool_calls.map((call, k) => toolCall(call, `${path}.tool_calls[${k}].function`))
    return normalized
  })
}

function textOf(content: ChatMessage['content'], path: string, optional: boolean): string {
  if (typeof content === 'string') return content
  if (content == null && optional) return ''
  if (!Array.isArray(content)) throw invalid(path, 'is missing; give a string')
  return content
    .map((part, i) => {
      if (part?.type !== 'text' || typeof part.text !== 'string')
        throw invalid(
          `${path}[${i}]`,
          `has type ${JSON.stringify(part?.type)}; this model reads parts of type "text" only`,
        )
      return part.text
    })
    .join('')
}

function toolCall(call: ToolCall, path: string): ToolCall {
  const { name, arguments: given } = call?.function ?? {}
  if (typeof name !== 'string') throw invalid(`${path}.name`, 'is missing; give the name of the tool')
  let parsed: unknown = given
  if (typeof given === 'string') {
    try {
      parsed = JSON.parse(given)
    } catch {
      throw invalid(`${path}.arguments`, 'is not valid JSON; give the JSON of an object')
    }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid(`${path}.arguments`, 'is not an object; give the arguments by name')
  return { ...call, function: { name, arguments: parsed as Record<string, unknown> } }
}

const invalid = (path: string, problem: string): ModelError => new ModelError('template', `${path} ${problem}`)

/**
 * Hides the beginnings of control tokens in what users wrote while a template is rendered around it: wherever a string
 * spells one, or ends so that following text could complete one, the first character is replaced by a private-use
 * character that occurs nowhere else, and put back once the template's own control tokens have been found.
 */
class Guard {
  readonly #tokens: readonly string[]
  readonly #beginnings = new Set<string>()
  readonly #longest: number
  readonly #disguise = new Map<string, string>()
  readonly #original = new Map<string, string>()

  constructor(tokenizer: Tokenizer, surroundings: string) {
    this.#tokens = [...tokenizer.controlTokens.keys()]
    this.#longest = Math.max(0, ...this.#tokens.map(token => token.length))
    let next = 0xe000
    for (const token of this.#tokens) {
      for (let length = 1; length <= token.length; length++) this.#beginnings.add(token.slice(0, length))
      if (this.#disguise.has(token[0])) continue
      while (next < 0xf900 && surroundings.includes(String.fromCharCode(next))) next++
      if (next === 0xf900)
        throw new ModelError('template', 'the messages use up all private-use characters; remove some')
      const disguise = String.fromCharCode(next++)
      this.#disguise.set(token[0], disguise)
      this.#original.set(disguise, token[0])
    }
  }

  /** A copy of a JSON value with all its strings, keys too, guarded. */
  protect(value: unknown): unknown {
    if (typeof value === 'string') return this.#protectText(value)
    if (Array.isArray(value)) return value.map(item => this.protect(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.#protectText(key), this.protect(item)]))
  }

  restore(text: string): string {
    let restored = text
    for (const [disguise, original] of this.#original) restored = restored.replaceAll(disguise, original)
    return restored
  }

  #protectText(text: string): string {
    let out = ''
    let end = 0
    for (let i = 0; i < text.length; i++) {
      const disguise = this.#disguise.get(text[i])
      if (disguise === undefined || !this.#begins(text, i)) continue
      out += text.slice(end, i) + disguise
      end = i + 1
    }
    return out + text.slice(end)
  }

  /** Whether a control token stands at i, or text that follows could complete one. */
  #begins(text: string, i: number): boolean {
    if (text.length - i < this.#longest && this.#beginnings.has(text.slice(i))) return true
    return this.#tokens.some(token => text.startsWith(token, i))
  }
}
