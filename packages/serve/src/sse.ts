/** A response of server-sent events that is written to as things happen; what the client has not read yet waits here. */
export interface EventStream {
  readonly response: Response
  send(data: unknown): void
  /** The stream is complete, which `data: [DONE]` says where events have no names. */
  finish(): void
  /** Ends the stream without `[DONE]`, so that no client takes it for complete. */
  close(): void
}

/** With `isNamed`, what is sent has a `type`, which is its event's name. */
export function eventStream(isNamed = false): EventStream {
  const encoder = new TextEncoder()
  let open = true
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const body = new ReadableStream<Uint8Array>({
    start(c) {
      controller = c
    },
    cancel() {
      open = false
    },
  })
  const write = (event: string) => {
    if (open) controller.enqueue(encoder.encode(`${event}\n\n`))
  }
  const close = () => {
    if (open) controller.close()
    open = false
  }
  return {
    response: new Response(body, {
      headers: {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-cache',
        // Proxies that collect answers before passing them on (nginx) let this one through.
        'X-Accel-Buffering': 'no',
      },
    }),
    send(data) {
      const name = isNamed ? `event: ${(data as { type: string }).type}\n` : ''
      write(`${name}data: ${JSON.stringify(data)}`)
    },
    finish() {
      if (!isNamed) write('data: [DONE]')
      close()
    },
    close,
  }
}
