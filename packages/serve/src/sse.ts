/** A response of server-sent events that is written to as things happen; what the client has not read yet waits here. */
export interface EventStream {
  readonly response: Response
  send(data: unknown): void
  /** The stream is complete: `data: [DONE]`. */
  finish(): void
  /** Ends the stream without `[DONE]`, so that no client takes it for complete. */
  close(): void
}

export function eventStream(): EventStream {
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
  const write = (data: string) => {
    if (open) controller.enqueue(encoder.encode(`data: ${data}\n\n`))
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
    send: data => write(JSON.stringify(data)),
    finish() {
      write('[DONE]')
      close()
    },
    close,
  }
}
