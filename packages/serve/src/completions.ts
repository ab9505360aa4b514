import { randomUUID } from 'node:crypto'
import type { CompletionEvent, Usage } from '@modu/model'
import type { Reply } from './generation.ts'
import { type CompletionLogprobs, CompletionLogprobsWriter, type EchoedToken, joinLogprobs } from './logprobs.ts'
import type { CompletionRequest } from './schema.ts'
import type { Hooks, ServedModel } from './servedModel.ts'
import { requireRoom, samplingOf, usageBody } from './wire.ts'

/** OpenAI's default. */
const defaultMaxTokens = 16

interface Choice {
  text: string
  finish: string | null
  usage: Usage | undefined
  begun: boolean
  writer: CompletionLogprobsWriter
  logprobs: CompletionLogprobs[]
}

/** `POST /v1/completions`: text that goes on from one or several prompts; answer `p * n + i` is the i-th to prompt p. */
export function completionReply(model: ServedModel, request: CompletionRequest): Reply {
  const head = {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  }
  const n = request.n ?? 1
  const { logprobs: topLogprobs, echo = false } = request
  const withUsage = request.stream_options?.include_usage === true
  const maxTokens = request.max_tokens ?? defaultMaxTokens
  requireRoom(model.contextLength, 'max_tokens', maxTokens)
  const options = { ...samplingOf(request), maxTokens, topLogprobs }
  const choices = request.prompt.flatMap(() =>
    Array.from(
      { length: n },
      (): Choice => ({
        text: '',
        finish: null,
        usage: undefined,
        begun: false,
        writer: new CompletionLogprobsWriter(model.tokenizer),
        logprobs: [],
      }),
    ),
  )
  /** The tokens of the prompts that are echoed, as soon as they have been measured. */
  const echoed: EchoedToken[][] = []
  const place = (index: number) => Math.floor(index / n)
  const promptText = (index: number) => {
    const prompt = request.prompt[place(index)]!
    return typeof prompt === 'string' ? prompt : model.tokenizer.decode(prompt)
  }
  const chunk = (index: number, text: string, logprobs: CompletionLogprobs | null, finish_reason: string | null) => ({
    ...head,
    choices: [{ index, text, logprobs, finish_reason }],
    ...(withUsage ? { usage: null } : {}),
  })

  /** Measures the prompt first, once for all its answers. */
  async function* measured(
    prompt: string | number[],
    index: number,
    hooks: Hooks,
    answer: AsyncIterable<CompletionEvent>,
  ) {
    echoed[place(index)] ??= await echoTokens(model, prompt, topLogprobs!, hooks)
    yield* answer
  }

  return {
    prompt: 'prompt',
    answers: choices.map((_, index) => (hooks: Hooks) => {
      const prompt = request.prompt[place(index)]!
      const seed = request.seed === undefined ? undefined : request.seed + (index % n)
      const answer = model.complete(prompt, { ...options, seed, ...hooks })
      return echo && topLogprobs !== undefined ? measured(prompt, index, hooks, answer) : answer
    }),

    receive(index, event) {
      const choice = choices[index]!
      const chunks: unknown[] = []
      const add = (text: string, logprobs: CompletionLogprobs | undefined, finish: string | null = null) => {
        choice.text += text
        if (logprobs) choice.logprobs.push(logprobs)
        chunks.push(chunk(index, text, logprobs ?? null, finish))
      }
      if (!choice.begun && echo) {
        const tokens = echoed[place(index)]
        add(promptText(index), tokens && choice.writer.write(tokens, { showsControl: true }))
      }
      choice.begun = true
      const logprobs = event.logprobs && choice.writer.write(event.logprobs)
      if (event.type === 'text') add(event.text, logprobs)
      else if (event.type === 'finish') {
        choice.finish = event.reason
        choice.usage = event.usage
        add('', logprobs, event.reason)
      }
      return chunks
    },

    closing: () => (withUsage ? [{ ...head, choices: [], usage: usageBody(byPrompt()) }] : []),

    whole: () => ({
      ...head,
      choices: choices.map(({ text, finish, logprobs }, index) => ({
        index,
        text,
        logprobs: topLogprobs === undefined ? null : joinLogprobs(logprobs),
        finish_reason: finish,
      })),
      usage: usageBody(byPrompt()),
    }),
  }

  function byPrompt(): Choice[][] {
    return request.prompt.map((_, p) => choices.slice(p * n, (p + 1) * n))
  }
}

/** The tokens of a prompt. A text's own first token comes after the one that begins documents, which is not shown. */
async function echoTokens(model: ServedModel, prompt: string | number[], top: number, hooks: Hooks) {
  const tokens = await model.promptLogprobs(prompt, top, hooks)
  const beginsUnmeasured = typeof prompt !== 'string' || model.tokenizer.bosId === undefined
  const ids = typeof prompt === 'string' ? model.tokenizer.encodePlain(prompt) : prompt
  return beginsUnmeasured ? [{ id: ids[0]! }, ...tokens] : tokens
}
