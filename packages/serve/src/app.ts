import type { Tracer } from '@opentelemetry/api'
import { type Context, Hono } from 'hono'
import { requestId } from 'hono/request-id'
import type { Logger } from 'pino'
import type { Accounts } from './accounts.ts'
import { limitBody, readJsonBody } from './body.ts'
import { chatReply } from './chatCompletions.ts'
import { completionReply } from './completions.ts'
import { embeddingsReply, parseEmbeddingsRequest } from './embeddings.ts'
import { ApiError, engineFailed, stopping } from './errors.ts'
import { answer, type Desk, describeFailure, type Reply } from './generation.ts'
import { onlyHosts } from './hosts.ts'
import { adminApi } from './keys/adminApi.ts'
import { limitRate, local, mayUse, requireKey, requireModel } from './keys/requireKey.ts'
import { countTokens, messagesError, messagesReply } from './messages.ts'
import { parseCountTokensRequest, parseMessagesRequest } from './messagesSchema.ts'
import { Metrics } from './metrics.ts'
import { openApiDocument, operations } from './openApi.ts'
import { page } from './page.ts'
import { logRequests } from './requestLog.ts'
import { ResponseStore, type StoredResponse } from './responseStore.ts'
import { responsesReply } from './responses.ts'
import { parseResponsesRequest } from './responsesSchema.ts'
import { parseChatRequest, parseCompletionRequest } from './schema.ts'
import type { ServedModel } from './servedModel.ts'
import { detokenize, parseDetokenizeRequest, parseTokenizeRequest, tokenize, tokenizerInfo } from './tokenize.ts'
import { traced, traceRequests } from './tracing.ts'
import { passThrough } from './upstream/passThrough.ts'
import type { Upstreams } from './upstream/upstreams.ts'
import { metered } from './usage/metered.ts'

export interface AppOptions extends Desk {
  /** Servers that answer for models of theirs. */
  readonly upstreams?: Upstreams
  /** Folder with the built page; without it only the API answers. */
  readonly page?: string
  /** Largest body of a request in bytes. */
  readonly bodyLimit: number
  /** Names besides this machine's own that clients may call the server by; undefined: any. */
  readonly allowedHosts?: readonly string[]
  /** Whether a chat model thinks when the request does not say. */
  readonly thinking: boolean
  /** Whether new requests are taken. */
  readonly isReady: () => boolean
  /** Keys and usage; without them everybody comes in and nothing is counted. */
  readonly accounts?: Accounts
  /** Whether nobody comes in without a key, even if there is none. */
  readonly keysRequired: boolean
  readonly logger: Logger
  /** Makes a span of every request to a model. */
  readonly tracer?: Tracer
}

/** Tokenizing runs on the server's own thread: a larger text would hold up everybody else for too long. */
const tokenizeLimit = 1024 * 1024

/** Responses that can be gone on with, in characters. */
const keptResponses = 64 * 1024 * 1024

/** All routes: the API under /v1, /health, and the page. */
export function createApp(options: AppOptions): Hono {
  const { engine, upstreams, accounts } = options
  const { models } = engine
  const started = Math.floor(Date.now() / 1000)
  const app = new Hono()
  const first = models.keys().next().value ?? ''

  app.use(requestId())
  app.use(logRequests(options.logger))
  if (options.tracer) app.use(traceRequests(options.tracer))
  app.use(async (c, next) => {
    c.set('key', local)
    await next()
    c.header('X-Request-Id', c.get('requestId'))
    c.header('X-Content-Type-Options', 'nosniff')
  })
  if (options.allowedHosts) app.use(onlyHosts(options.allowedHosts))
  if (accounts) {
    for (const path of ['/v1/*', '/tokenize', '/detokenize', '/tokenizer_info']) {
      app.use(path, requireKey(accounts.keys, options.keysRequired))
      app.on('POST', path, limitRate(accounts.keys))
    }
  }
  for (const path of ['/v1/*', '/admin/*']) app.use(path, limitBody(options.bodyLimit))
  for (const path of ['/tokenize', '/detokenize']) app.use(path, limitBody(Math.min(options.bodyLimit, tokenizeLimit)))

  if (upstreams) app.use(passThrough(upstreams, options))

  const find = (c: Context, name: string): ServedModel => {
    requireModel(c, name)
    const model = models.get(name)
    if (model) return model
    if (upstreams?.has(name)) {
      const message = `'${name}' runs on another server, which ${c.req.path} does not reach.`
      throw new ApiError(400, 'invalid_value', message, { param: 'model' })
    }
    const served = [...models.keys(), ...(upstreams?.models ?? [])].map(id => `'${id}'`).join(', ')
    throw new ApiError(404, 'model_not_found', `The model '${name}' does not exist. This server has ${served}.`, {
      param: 'model',
    })
  }
  const metrics = new Metrics(engine)
  /** The reply, measured, and in the ledger of who asks; each prompt has `n` answers. */
  const booked = (c: Context, unwatched: Reply, { model, n }: { model: string; n?: number }): Reply => {
    const reply = traced(c, metrics.watch(unwatched, model), { model, n })
    if (!accounts) return reply
    const entry = accounts.ledger.entry(c.get('key'), model)
    c.set('entry', entry)
    return metered(reply, entry, n)
  }
  const describe = (id: string, model?: ServedModel) => ({
    id,
    object: 'model',
    created: started,
    owned_by: 'modu',
    max_model_len: model?.contextLength,
    // What Anthropic's clients read.
    type: 'model',
    display_name: id,
    created_at: new Date(started * 1000).toISOString(),
  })
  const responses = new ResponseStore(keptResponses)
  const stored = (owner: string, id: string, param: string | null = null): StoredResponse => {
    const response = responses.get(owner, id)
    if (response) return response
    const message = `There is no response '${id}' (any more). Send the conversation in 'input' instead.`
    throw new ApiError(404, 'not_found', message, { param })
  }
  const listed = [...models.keys(), ...(upstreams?.models ?? [])].map(id => describe(id, models.get(id)))

  app.get('/health', c => {
    const { running, waiting } = engine.load
    return c.json({ status: 'ok', running, waiting })
  })
  app.get('/ready', c => {
    if (!options.isReady()) throw stopping()
    if (!engine.isReady) throw engineFailed()
    const up = [...models.keys(), ...(upstreams?.modelsUp ?? [])]
    if (up.length === 0) throw new ApiError(503, 'upstream_unavailable', 'None of the upstreams is up.')
    return c.json({ status: 'ready', models: up })
  })
  app.get('/metrics', async c => {
    const { type, text } = await metrics.report()
    return c.body(text + ((await upstreams?.metrics.report()) ?? ''), 200, { 'Content-Type': type })
  })
  app.get('/openapi.json', c => c.json(openApiDocument()))
  app.get('/v1/models', c => {
    const data = listed.filter(({ id }) => mayUse(c, id))
    return c.json({
      object: 'list',
      data,
      has_more: false,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    })
  })
  app.get('/v1/models/:id{.+}', c => {
    const id = c.req.param('id')
    return c.json(upstreams?.has(id) && mayUse(c, id) ? describe(id) : describe(id, find(c, id)))
  })
  app.post('/v1/chat/completions', async c => {
    const request = parseChatRequest(await readJsonBody(c))
    const reply = chatReply(find(c, request.model), request, options.thinking)
    return answer(c, options, booked(c, reply, request), request.stream === true)
  })
  app.post('/v1/completions', async c => {
    const request = parseCompletionRequest(await readJsonBody(c))
    const reply = completionReply(find(c, request.model), request)
    return answer(c, options, booked(c, reply, request), request.stream === true)
  })
  app.post('/v1/embeddings', async c => {
    const request = parseEmbeddingsRequest(await readJsonBody(c))
    const reply = embeddingsReply(find(c, request.model), request)
    return answer(c, options, booked(c, reply, { model: request.model }), false)
  })

  app.post('/v1/responses', async c => {
    const request = parseResponsesRequest(await readJsonBody(c))
    const { previous_response_id: previous, stream } = request
    const owner = c.get('key')
    const context = {
      before: previous === undefined ? [] : stored(owner, previous, 'previous_response_id').messages,
      thinkingByDefault: options.thinking,
      keep: (id: string, response: StoredResponse) => responses.put(owner, id, response),
    }
    const reply = responsesReply(find(c, request.model), request, context)
    return answer(c, options, booked(c, reply, { model: request.model }), stream === true)
  })
  app.get('/v1/responses/:id', c => c.json(stored(c.get('key'), c.req.param('id')).body))
  app.delete('/v1/responses/:id', c => {
    const id = c.req.param('id')
    stored(c.get('key'), id)
    responses.delete(c.get('key'), id)
    return c.json({ id, object: 'response', deleted: true })
  })
  app.post('/v1/messages', async c => {
    const request = parseMessagesRequest(await readJsonBody(c))
    const reply = messagesReply(find(c, request.model), request, options.thinking)
    return answer(c, options, booked(c, reply, { model: request.model }), request.stream === true)
  })
  app.post('/v1/messages/count_tokens', async c => {
    const request = parseCountTokensRequest(await readJsonBody(c))
    return c.json(countTokens(find(c, request.model), request, options.thinking))
  })
  app.get('/tokenizer_info', c => c.json(tokenizerInfo(find(c, c.req.query('model') ?? first))))
  app.post('/tokenize', async c => {
    const request = parseTokenizeRequest(await readJsonBody(c))
    return c.json(tokenize(find(c, request.model ?? first), request))
  })
  app.post('/detokenize', async c => {
    const request = parseDetokenizeRequest(await readJsonBody(c))
    return c.json(detokenize(find(c, request.model ?? first), request))
  })

  if (accounts) app.route('/admin', adminApi(accounts))

  for (const [documented, methods] of Object.entries(operations)) {
    const path = documented === '/v1/models/{id}' ? '/v1/models/:id{.+}' : documented.replace('{id}', ':id')
    const allowed = Object.keys(methods).map(method => method.toUpperCase())
    app.all(path, c => {
      throw new ApiError(
        405,
        'method_not_allowed',
        `${c.req.path} wants ${allowed.join(' or ')}, not ${c.req.method}.`,
        { headers: { Allow: allowed.join(', ') } },
      )
    })
  }
  const unknown = (method: string, path: string) =>
    new ApiError(
      404,
      'not_found',
      `There is nothing at ${method} ${path}. The API is under /v1, e.g. POST /v1/chat/completions.`,
    )
  app.all('/v1/*', c => {
    throw unknown(c.req.method, c.req.path)
  })
  if (options.page) app.route('/', page(options.page))

  app.notFound(c => unknown(c.req.method, c.req.path).toResponse())
  app.onError((error, c) => {
    const told = describeFailure(c, options, error)
    return told.toResponse(c.req.path.startsWith('/v1/messages') ? messagesError(told) : undefined)
  })
  return app
}
