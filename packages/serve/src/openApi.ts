import { z } from 'zod'
import { embeddingsRequest } from './embeddings.ts'
import { countTokensRequest, messagesRequest } from './messagesSchema.ts'
import { responsesRequest } from './responsesSchema.ts'
import { chatRequest, completionRequest } from './schema.ts'
import { detokenizeRequest, tokenizeRequest } from './tokenize.ts'

interface Operation {
  readonly summary: string
  /** What validates the body. */
  readonly request?: z.ZodType
  /** The fields that every answer has. */
  readonly answer?: readonly string[]
  /** Whether the answer may be a stream of events. */
  readonly streams?: boolean
  readonly answersText?: boolean
}

const responseFields = ['id', 'object', 'created_at', 'status', 'model', 'output', 'usage']

/** What the API has, by path and method. */
export const operations: Readonly<Record<string, Partial<Record<'get' | 'post' | 'delete', Operation>>>> = {
  '/health': {
    get: {
      summary: 'Whether the server lives, and how many requests it has',
      answer: ['status', 'running', 'waiting'],
    },
  },
  '/ready': { get: { summary: 'Whether new requests are taken', answer: ['status', 'models'] } },
  '/metrics': { get: { summary: 'Metrics for Prometheus', answersText: true } },
  '/openapi.json': { get: { summary: 'This document' } },
  '/tokenize': {
    post: {
      summary: 'The tokens of a text or a conversation',
      request: tokenizeRequest,
      answer: ['count', 'max_model_len', 'tokens', 'token_strs'],
    },
  },
  '/detokenize': { post: { summary: 'The text of tokens', request: detokenizeRequest, answer: ['prompt'] } },
  '/tokenizer_info': {
    get: {
      summary: "A tokenizer's settings and chat template",
      answer: ['tokenizer_class', 'model_max_length', 'chat_template'],
    },
  },
  '/v1/models': { get: { summary: 'The models served', answer: ['object', 'data'] } },
  '/v1/models/{id}': { get: { summary: 'One model', answer: ['id', 'object', 'created', 'owned_by'] } },
  '/v1/chat/completions': {
    post: {
      summary: 'The next turn of a conversation',
      request: chatRequest,
      answer: ['id', 'object', 'created', 'model', 'choices', 'usage'],
      streams: true,
    },
  },
  '/v1/completions': {
    post: {
      summary: 'Text that goes on from prompts',
      request: completionRequest,
      answer: ['id', 'object', 'created', 'model', 'choices', 'usage'],
      streams: true,
    },
  },
  '/v1/embeddings': {
    post: {
      summary: 'Vectors for texts',
      request: embeddingsRequest,
      answer: ['object', 'data', 'model', 'usage'],
    },
  },
  '/v1/responses': {
    post: {
      summary: "The next turn, in the shape of OpenAI's Responses API",
      request: responsesRequest,
      answer: responseFields,
      streams: true,
    },
  },
  '/v1/responses/{id}': {
    get: { summary: 'A response that was stored', answer: responseFields },
    delete: { summary: 'Forgets a response', answer: ['id', 'object', 'deleted'] },
  },
  '/v1/messages': {
    post: {
      summary: "The next turn, in the shape of Anthropic's Messages API",
      request: messagesRequest,
      answer: ['id', 'type', 'role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage'],
      streams: true,
    },
  },
  '/v1/messages/count_tokens': {
    post: {
      summary: 'The tokens of a request to /v1/messages',
      request: countTokensRequest,
      answer: ['input_tokens'],
    },
  },
}

let document: object | undefined

/** The API as an OpenAPI 3.1 document. Bodies are described by the schemas that check them. Made once: it takes a while. */
export const openApiDocument = (): object => (document ??= makeDocument())

function makeDocument(): object {
  const paths = Object.entries(operations).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, describe(path, operation)])),
  ])
  return {
    openapi: '3.1.0',
    info: { title: 'Modu', version: '1', description: 'See docs/api.md.' },
    paths: Object.fromEntries(paths),
  }
}

function describe(path: string, { summary, request, answer = [], streams, answersText }: Operation): object {
  const properties = Object.fromEntries(answer.map(name => [name, {}]))
  const object = { schema: { type: 'object', properties, required: answer } }
  const text = { schema: { type: 'string' } }
  const content = answersText ? { 'text/plain': text } : { 'application/json': object }
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    ...text,
  }))
  return {
    summary,
    parameters,
    ...(request
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(request) } } } }
      : {}),
    responses: {
      200: { description: 'The answer', content: streams ? { ...content, 'text/event-stream': {} } : content },
      default: { description: 'What went wrong', content: { 'application/json': { schema: failure } } },
    },
  }
}

const failure = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'object', required: ['type', 'message'], properties: { message: { type: 'string' } } },
  },
}

/** As clients send it. Rules that JSON schema has no words for are left out. */
function schemaOf(request: z.ZodType): object {
  const { $schema: _, ...schema } = z.toJSONSchema(request, { io: 'input', unrepresentable: 'any' })
  return schema
}
