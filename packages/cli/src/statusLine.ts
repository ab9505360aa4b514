/** Writes `text` over the line that a terminal shows last; without a text the line is cleared. */
export const writeOver = (stream: NodeJS.WriteStream, text = ''): void => {
  stream.write(`\r\u001b[K${text}`)
}
