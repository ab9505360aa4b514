/** A server-sent event as it came, and what it holds. */
export interface ServerEvent {
  /** Without the empty line that ends it. */
  readonly text: string
  /** Its `data` lines, put together; empty for a comment. */
  readonly data: string
}

/** Cuts a stream's text into events; what has not come to its end waits for the next piece. */
export function eventSplitter(): (piece: string) => ServerEvent[] {
  let rest = ''
  return piece => {
    const events = (rest + piece).split(/\r?\n\r?\n/)
    rest = events.pop()!
    return events.filter(text => text !== '').map(text => ({ text, data: dataOf(text) }))
  }
}

const dataOf = (text: string): string =>
  text
    .split(/\r?\n/)
    .filter(line => line.startsWith('data:'))
    .map(line => line.slice('data:'.length).replace(/^ /, ''))
    .join('\n')

/** The event with other data. */
export const withData = ({ text }: ServerEvent, data: string): string =>
  [...text.split(/\r?\n/).filter(line => !line.startsWith('data:')), `data: ${data}`].join('\n')
