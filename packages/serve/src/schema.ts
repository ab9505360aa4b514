import { z } from 'zod'
import { ApiError } from './errors.ts'
import { keepsCalls, keepsSchema } from './jsonSchema.ts'

/*
 * The requests of OpenAI's API as far as this server keeps their promises. Fields that cannot change the answer (user,
 * metadata, store, …) are ignored; wrong types and ranges are refused by name; so is what is asked for but not supported.
 */

export const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform(value => value ?? undefined)

export const number = (from: number, to: number) =>
  optional(z.number().min(from, `must be between ${from} and ${to}`).max(to, `must be between ${from} and ${to}`))

export const integer = (from: number, to: number) =>
  optional(
    z
      .number()
      .refine(Number.isInteger, 'must be a whole number')
      .min(from, `must be between ${from} and ${to}`)
      .max(to, `must be between ${from} and ${to}`),
  )

/** Refuses a field whose effect we do not have, unless its value asks for nothing. */
export const unsupported = (isHarmless: (value: unknown) => boolean, instead: string) =>
  z
    .unknown()
    .refine(value => value === undefined || value === null || isHarmless(value), {
      message: `is not supported by this server yet; ${instead}`,
      params: { code: 'unsupported_parameter' },
    })
    .optional()

const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const

export const reasoningEffort = optional(
  z.enum(reasoningEfforts, { error: `must be one of ${reasoningEfforts.map(effort => `'${effort}'`).join(', ')}` }),
)

/** At most so many tokens of reasoning. */
const thinkingTokens = integer(0, Number.MAX_SAFE_INTEGER)

const stopString = z.string().min(1, 'must not be an empty string')

const bias = z.number().min(-100, 'must be between -100 and 100').max(100, 'must be between -100 and 100')

/** What both endpoints share: how tokens are drawn, and when to stop. */
const sampling = {
  model: z.string(),
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  n: integer(1, 16),
  seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  stop: optional(
    z
      .union([stopString, z.array(stopString).max(16, 'must have at most 16 entries')], {
        error: 'must be a string or an array of strings',
      })
      .transform(stop => (typeof stop === 'string' ? [stop] : stop)),
  ),
  temperature: number(0, 2),
  top_p: number(0, 1),
  /** 0 and −1 switch it off, as with vLLM. */
  top_k: integer(-1, Number.MAX_SAFE_INTEGER),
  min_p: number(0, 1),
  presence_penalty: number(-2, 2),
  frequency_penalty: number(-2, 2),
  /** Logits are divided by it, and must stay finite. */
  repetition_penalty: number(0.01, 10),
  max_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  /** What is added to the logits of tokens, by id. */
  logit_bias: optional(
    z
      .record(z.string().regex(/^\d{1,9}$/, 'must have token ids as keys'), bias)
      .transform(biases => new Map(Object.entries(biases).map(([id, value]) => [Number(id), value]))),
  ),
}

/** Text, or parts of text. Pictures and sound are refused by name. */
const content = z
  .union(
    [
      z.string(),
      z.array(
        z.object({
          type: z.literal('text', { error: "must be 'text': this server reads text only" }),
          text: z.string(),
        }),
      ),
    ],
    { error: 'must be a string or an array of text parts' },
  )
  .transform(value => (typeof value === 'string' ? value : value.map(part => part.text).join('')))

const toolCall = z.object({
  id: optional(z.string()),
  type: optional(z.literal('function')),
  function: z.object({ name: z.string(), arguments: z.string() }),
})

export const message = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.enum(['system', 'developer']), content }),
    z.object({ role: z.literal('user'), content }),
    z
      .object({
        role: z.literal('assistant'),
        content: optional(content),
        reasoning_content: optional(z.string()),
        tool_calls: optional(z.array(toolCall)),
      })
      .refine(({ content, tool_calls }) => content !== undefined || tool_calls?.length, {
        message: 'is required unless tool_calls is given',
        path: ['content'],
      }),
    z.object({ role: z.literal('tool'), content, tool_call_id: optional(z.string()) }),
  ],
  { error: "must be one of 'system', 'developer', 'user', 'assistant', 'tool'" },
)

export const toolName = z
  .string()
  .regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores')

export const tool = z.object({
  type: z.literal('function', { error: "must be 'function'" }),
  function: z.object({
    name: toolName,
    description: optional(z.string()),
    parameters: optional(z.record(z.string(), z.unknown())),
    /** Whether what cannot be kept of `parameters` is refused. */
    strict: optional(z.boolean()),
  }),
})

/** What the answer's text is. */
export const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.enum(['text', 'json_object']) }),
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name: optional(z.string()),
        schema: optional(z.record(z.string(), z.unknown()).superRefine(keepsSchema)),
      }),
    }),
  ],
  { error: "must be 'text', 'json_object' or 'json_schema'" },
)

const toolByName = z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) })

export const chatTemplateKwargs = optional(
  z.object({ enable_thinking: optional(z.boolean()), thinking_budget: thinkingTokens }),
)

export const chatRequest = z
  .object({
    ...sampling,
    messages: z.array(message).min(1, 'must have at least one message'),
    max_completion_tokens: integer(1, Number.MAX_SAFE_INTEGER),
    tools: optional(
      z
        .array(tool)
        .max(128, 'must have at most 128 entries')
        .superRefine(keepsCalls(tool => tool.function, ['function', 'parameters'])),
    ),
    tool_choice: optional(
      z.union([z.enum(['auto', 'none', 'required']), toolByName], {
        error: "must be 'auto', 'none', 'required' or a tool by its name",
      }),
    ),
    parallel_tool_calls: optional(z.boolean()),
    reasoning_effort: optional(
      z.enum(reasoningEfforts, { error: `must be one of ${reasoningEfforts.map(effort => `'${effort}'`).join(', ')}` }),
    ),
    chat_template_kwargs: chatTemplateKwargs,
    /** vLLM's name for it. */
    thinking_token_budget: thinkingTokens,
    response_format: optional(responseFormat),
    logprobs: optional(z.boolean()),
    top_logprobs: integer(0, 20),
    audio: unsupported(() => false, 'this server answers in text'),
    functions: unsupported(() => false, "use 'tools'"),
    function_call: unsupported(value => value === 'none' || value === 'auto', "use 'tool_choice'"),
  })
  .refine(request => !request.top_logprobs || request.logprobs, {
    message: "needs 'logprobs' to be true",
    path: ['top_logprobs'],
  })

export const tokenIds = z.array(z.number().refine(id => Number.isInteger(id) && id >= 0, 'must be a token id'))

/** A text, several texts, the token ids of one, or of several. Always a list afterwards. */
export const prompts = (most: number) =>
  z
    .union([z.string(), z.array(z.string()).min(1), tokenIds.min(1), z.array(tokenIds.min(1)).min(1)], {
      error: 'must be a string, an array of strings, an array of token ids, or an array of such arrays',
    })
    .transform((prompt): (string | number[])[] => {
      if (typeof prompt === 'string') return [prompt]
      return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as (string | number[])[])
    })
    .refine(prompts => prompts.length <= most, `must have at most ${most} prompts`)

export const completionRequest = z.object({
  ...sampling,
  prompt: prompts(64),
  echo: optional(z.boolean()),
  best_of: unsupported(value => value === 1, "use 'n'"),
  suffix: unsupported(value => value === '', 'leave it out'),
  /** How likely tokens are, with so many of the most likely ones; with `echo`, those of the prompt, too. */
  logprobs: integer(0, 20),
})

export type ChatRequest = z.infer<typeof chatRequest>
export type CompletionRequest = z.infer<typeof completionRequest>

export const parseChatRequest = (body: unknown): ChatRequest => parse(chatRequest, body)
export const parseCompletionRequest = (body: unknown): CompletionRequest => parse(completionRequest, body)

/** The body as the schema has it; an ApiError that names the first field that is not in order. */
export function parse<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw toApiError(deepest(result.error.issues[0]), body)
}

/** A union's complaint says little; the alternative that got furthest into the value knows what is wrong. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const inner = issue.errors
    .flat()
    .map(deepest)
    .filter(({ path }) => path.length > 0)
    .sort((a, b) => b.path.length - a.path.length)[0]
  return inner ? { ...inner, path: [...issue.path, ...inner.path] } : issue
}

function toApiError(issue: z.core.$ZodIssue, body: unknown): ApiError {
  const param = issue.path.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path ? `${path}.${String(key)}` : String(key)),
    '',
  )
  if (param === '') return new ApiError(400, 'invalid_type', 'The body of the request must be a JSON object.')
  if (issue.code === 'custom' && issue.params?.code === 'schema') {
    return new ApiError(400, 'invalid_value', `'${param}' ${issue.message}.`, { param })
  }
  const value = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], body)
  if (value === undefined)
    return new ApiError(400, 'missing_required_parameter', `Missing required parameter: '${param}'.`, { param })
  if (issue.code === 'custom' && issue.params?.code === 'unsupported_parameter') {
    return new ApiError(400, 'unsupported_parameter', `'${param}' ${issue.message}.`, { param })
  }
  if (issue.code === 'invalid_type') {
    return new ApiError(400, 'invalid_type', `'${param}' must be of type ${issue.expected}.`, { param })
  }
  return new ApiError(400, 'invalid_value', `'${param}' ${issue.message}, but is ${describe(value)}.`, { param })
}

function describe(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
