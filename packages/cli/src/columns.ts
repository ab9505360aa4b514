/** Lines of cells as a table for the terminal, columns aligned. */
export function columns(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map(line => width(line[i]!))))
  const pad = (cell: string, i: number) => cell + ' '.repeat(widths[i]! - width(cell))
  return lines.map(line => `${line.map(pad).join('  ').trimEnd()}\n`).join('')
}

/** Columns that a text takes in a terminal, where a Korean syllable takes two. */
const width = (text: string): number => [...text].reduce((sum, char) => sum + (/[가-힣]/.test(char) ? 2 : 1), 0)
