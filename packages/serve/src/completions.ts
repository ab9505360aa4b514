import { randomUUID } from 'node:crypto'
import type { Usage } from '@modu/model'
import type { Hooks, Reply } from './generation.ts'
import type { CompletionRequest } from './schema.ts'
import type { ServedModel } from './servedModel.ts'
import { requireRoom, samplingOf, usageBody } from './wire.ts'

/** OpenAI's default. */
const defaultMaxTokens = 16

interface Choice {
  text: string
  finish: string | null
  usage: Usage | undefined
  begun: boolean
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
  const withUsage = request.stream_options?.include_usage === true
  const maxTokens = request.max_tokens ?? defaultMaxTokens
  requireRoom(model.contextLength, 'max_tokens', maxTokens)
  const options = { ...samplingOf(request), maxTokens }
  const choices = request.prompt.flatMap(() =>
    Array.from({ length: n }, (): Choice => ({ text: '', finish: null, usage: undefined, begun: false })),
  )
  const promptOf = (index: number) => request.prompt[Math.floor(index / n)]
  const promptText = (index: number) => {
    const prompt = promptOf(index)
    return typeof prompt === 'string' ? prompt : model.tokenizer.decode(prompt)
  }
  const chunk = (index: number, text: string, finish_reason: string | null = null) => ({
    ...head,
    choices: [{ index, text, logprobs: null, finish_reason }],
    ...(withUsage ? { usage: null } : {}),
  })

  return {
    prompt: 'prompt',
    answers: choices.map((_, index) => (hooks: Hooks) => {
      const seed = request.seed === undefined ? undefined : request.seed + (index % n)
      return model.complete(promptOf(index), { ...options, seed, ...hooks })
    }),

    receive(index, event) {
      const choice = choices[index]
      const chunks: unknown[] = []
      if (!choice.begun && request.echo) {
        choice.text = promptText(index)
        chunks.push(chunk(index, choice.text))
      }
      choice.begun = true
      if (event.type === 'text') {
        choice.text += event.text
        chunks.push(chunk(index, event.text))
      } else if (event.type === 'finish') {
        choice.finish = event.reason
        choice.usage = event.usage
        chunks.push(chunk(index, '', choice.finish))
      }
      return chunks
    },

    closing: () => (withUsage ? [{ ...head, choices: [], usage: usageBody(byPrompt()) }] : []),

    whole: () => ({
      ...head,
      choices: choices.map(({ text, finish }, index) => ({ index, text, logprobs: null, finish_reason: finish })),
      usage: usageBody(byPrompt()),
    }),
  }

  function byPrompt(): Choice[][] {
    return request.prompt.map((_, p) => choices.slice(p * n, (p + 1) * n))
  }
}
