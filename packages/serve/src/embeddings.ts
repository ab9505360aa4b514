import type { ChatEvent } from '@modu/model'
import { z } from 'zod'
import { ApiError } from './errors.ts'
import type { Reply } from './generation.ts'
import { integer, optional, parse, prompts } from './schema.ts'
import type { Hooks, ServedModel } from './servedModel.ts'
import { emptyUsage } from './wire.ts'

/** As many inputs as with OpenAI. */
const mostInputs = 2048

export const embeddingsRequest = z.object({
  model: z.string(),
  input: prompts(mostInputs),
  encoding_format: optional(z.enum(['float', 'base64'], { error: "must be 'float' or 'base64'" })),
  dimensions: integer(1, Number.MAX_SAFE_INTEGER),
})

type EmbeddingsRequest = z.infer<typeof embeddingsRequest>

export const parseEmbeddingsRequest = (body: unknown): EmbeddingsRequest => parse(embeddingsRequest, body)

/** `POST /v1/embeddings`: a vector for each text, all of them in the request's one turn after the other. */
export function embeddingsReply(model: ServedModel, request: EmbeddingsRequest): Reply {
  const { input, dimensions, encoding_format: format = 'float' } = request
  const usage = emptyUsage()
  const vectors: Float32Array[] = []

  async function* embedAll(hooks: Hooks): AsyncGenerator<ChatEvent> {
    for (const prompt of input) {
      const { vector, tokens } = await model.embed(prompt, hooks)
      if (dimensions !== undefined && dimensions !== vector.length) throw wrongDimensions(dimensions, vector.length)
      vectors.push(vector)
      usage.promptTokens += tokens
      if (hooks.usage) hooks.usage.promptTokens = usage.promptTokens
    }
    yield { type: 'finish', reason: 'stop', usage }
  }

  return {
    prompt: 'input',
    answers: [embedAll],
    receive: () => [],
    closing: () => [],
    whole: () => ({
      object: 'list',
      model: request.model,
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: format === 'float' ? [...vector] : base64(vector),
      })),
      usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
    }),
  }
}

/** Little-endian float32, as OpenAI's clients read them. */
const base64 = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')

/** The first numbers of a vector mean little by themselves unless a model has been trained for that. */
function wrongDimensions(asked: number, has: number): ApiError {
  const message = `'dimensions' is ${asked}, but this model's embeddings have ${has} and cannot be shortened. Leave it out.`
  return new ApiError(400, 'unsupported_parameter', message, { param: 'dimensions' })
}
