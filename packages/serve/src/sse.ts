import type { ServerResponse } from 'node:http'
import type { createAdaptorServer, HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'

/** What Hono hands on from Node, and the stream that a request is answered with, if it is. */
interface Bindings extends HttpBindings {
  events?: EventStream
}

export const eventStreamHeaders = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache',
  // Proxies that collect answers before passing them on (nginx) let this one through.
  'X-Accel-Buffering': 'no',
}

/** After a stream that broke, nothing more comes on its connection, so that a client that overlooks the error does not wait either. */
export function endConnection(c: Context): void {
  const { incoming, outgoing } = c.env as HttpBindings
  outgoing.once('finish', () => incoming.socket.end())
}

/**
 * Server-sent events, written to as things happen. They go to Node's response directly, those of one turn of the event
 * loop in one piece: a web stream in between would cost more than all the rest of an event. What the client has not read
 * yet waits in memory, of which there is never more than one answer.
 */
export class EventStream {
  readonly #isNamed: boolean
  #outgoing: ServerResponse | undefined
  #text = ''
  #isClosed = false
  #isFlushing = false

  /** With `isNamed`, what is sent has a `type`, which is its event's name. */
  constructor(isNamed = false) {
    this.#isNamed = isNamed
  }

  send(data: unknown): void {
    const name = this.#isNamed ? `event: ${(data as { type: string }).type}\n` : ''
    this.#write(`${name}data: ${JSON.stringify(data)}\n\n`)
  }

  /** The stream is complete, which `data: [DONE]` says where events have no names. */
  finish(): void {
    if (!this.#isNamed) this.#write('data: [DONE]\n\n')
    this.close()
  }

  /** Ends the stream without `[DONE]`, so that no client takes it for complete. */
  close(): void {
    this.#isClosed = true
    this.#flushSoon()
  }

  /** The answer to a request, whose events follow its head: see `writingEvents`. */
  respond(c: Context): Response {
    ;(c.env as Bindings).events = this
    return c.body(null, 200, eventStreamHeaders)
  }

  begin(outgoing: ServerResponse): void {
    this.#outgoing = outgoing
    this.#flush()
  }

  #write(event: string): void {
    this.#text += event
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    process.nextTick(() => {
      this.#isFlushing = false
      this.#flush()
    })
  }

  #flush(): void {
    const outgoing = this.#outgoing
    if (!outgoing) return
    const text = this.#text
    this.#text = ''
    if (outgoing.destroyed) return
    if (this.#isClosed) outgoing.end(text)
    else if (text !== '') outgoing.write(text)
  }
}

type Fetch = Parameters<typeof createAdaptorServer>[0]['fetch']

/** `fetch`, of whose answers those that are event streams are written as they come. */
export const writingEvents =
  (fetch: (request: Request, bindings: Bindings) => Response | Promise<Response>): Fetch =>
  async (request, bindings) => {
    const response = await fetch(request, bindings as Bindings)
    const { events, outgoing } = bindings as Bindings
    if (!events) return response
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    events.begin(outgoing)
    return RESPONSE_ALREADY_SENT
  }
