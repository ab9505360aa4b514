import { setTimeout } from 'node:timers/promises'
import type { HttpBindings } from '@hono/node-server'
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Context, MiddlewareHandler } from 'hono'
import type { ApiError } from './errors.ts'
import type { Reply } from './generation.ts'

/*
 * Traces as OpenTelemetry's conventions for generative AI have them: one span for every request to a model, with its
 * tokens, times and end, and nothing that people or models wrote.
 */

declare module 'hono' {
  interface ContextVariableMap {
    /** The request's span; undefined if it has none. */
    span: Span | undefined
    /** What the client was told instead of an answer, or of the rest of one. */
    failure: ApiError | undefined
  }
}

export interface Tracing {
  readonly tracer: Tracer
  /** Sends what is left. */
  close(): Promise<void>
}

/** What is asked of a model, by the address. */
const operations: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
}

const propagator = new W3CTraceContextPropagator()

/**
 * Sends spans where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) says, by OTLP over HTTP;
 * undefined without it. OpenTelemetry's other variables hold, too. A collector that is not there costs spans, never answers.
 */
export async function startTracing(): Promise<Tracing | undefined> {
  const { env } = process
  if (!env.OTEL_EXPORTER_OTLP_ENDPOINT && !env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return undefined
  const { BatchSpanProcessor, TracerProvider } = await import('@opentelemetry/sdk-trace')
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = await import(
    '@opentelemetry/resources'
  )
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'modu' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  return {
    tracer: provider.getTracer('modu'),
    async close() {
      // A server is closed a moment before its last connections say so, which ends their spans.
      await setTimeout(1)
      await provider.shutdown().catch(() => {})
    },
  }
}

/** A span for every request to a model, below that of the client's `traceparent`. */
export const traceRequests =
  (tracer: Tracer): MiddlewareHandler =>
  async (c, next) => {
    const operation = operations[c.req.path]
    if (operation === undefined || c.req.method !== 'POST') return next()
    const parent = propagator.extract(ROOT_CONTEXT, c.req.header(), defaultTextMapGetter)
    const attributes = {
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': 'modu',
      'http.request.method': c.req.method,
      'url.path': c.req.path,
      'modu.request.id': c.get('requestId'),
    }
    const span = tracer.startSpan(operation, { kind: SpanKind.SERVER, attributes }, parent)
    c.set('span', span)
    const { outgoing } = c.env as HttpBindings
    outgoing.once('close', () => {
      span.setAttribute('http.response.status_code', outgoing.statusCode)
      // Of models elsewhere only the ledger knows.
      const tokens = c.get('entry')?.tokens
      if (tokens) {
        span.setAttributes({
          'gen_ai.usage.input_tokens': tokens.prompt,
          'gen_ai.usage.output_tokens': tokens.completion,
        })
      }
      const error = outgoing.writableFinished ? c.get('failure')?.code : 'client_left'
      if (error) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    })
    await next()
  }

/** Enters the model in the request's span. */
export function traceModel(c: Context, model: string): void {
  c.get('span')
    ?.updateName(`${operations[c.req.path]} ${model}`)
    .setAttributes({ 'gen_ai.request.model': model, 'gen_ai.response.model': model })
}

/** What tells a server to which the request is passed on of its span. */
export function traceHeaders(c: Context): Record<string, string> {
  const headers = {}
  const span = c.get('span')
  if (span) propagator.inject(trace.setSpan(ROOT_CONTEXT, span), headers, defaultTextMapSetter)
  return headers
}

/** The reply, with what becomes of it in the request's span. Each prompt has `n` answers. */
export function traced(c: Context, reply: Reply, { model, n = 1 }: { model: string; n?: number }): Reply {
  const span = c.get('span')
  if (!span) return reply
  const began = performance.now()
  span.updateName(`${operations[c.req.path]} ${model}`)
  span.setAttributes({
    'gen_ai.request.model': model,
    'gen_ai.response.model': model,
    'gen_ai.request.choice.count': n,
  })
  const finishReasons: string[] = []
  const usage = { input: 0, cached: 0, output: 0, reasoning: 0 }
  let hasBegun = false
  return {
    ...reply,
    receive(index, event) {
      if (!hasBegun) {
        span.setAttribute('gen_ai.response.time_to_first_chunk', (performance.now() - began) / 1000)
        hasBegun = true
      }
      if (event.type === 'finish') {
        if (index % n === 0) {
          usage.input += event.usage.promptTokens
          usage.cached += event.usage.cachedTokens
        }
        usage.output += event.usage.completionTokens
        usage.reasoning += event.usage.reasoningTokens
        finishReasons.push(event.reason)
        span.setAttributes({
          'gen_ai.response.finish_reasons': finishReasons,
          'gen_ai.usage.input_tokens': usage.input,
          'gen_ai.usage.cache_read.input_tokens': usage.cached,
          'gen_ai.usage.output_tokens': usage.output,
          'gen_ai.usage.reasoning.output_tokens': usage.reasoning,
        })
      }
      return reply.receive(index, event)
    },
  }
}
