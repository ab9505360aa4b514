import { availableParallelism, cpus, loadavg } from 'node:os'

/** What a benchmark found: the last line of its output, as JSON. */
export interface Result {
  readonly name: string
  /** What the headline numbers count; more is better, or less where `lessIsBetter`. */
  readonly unit: string
  readonly lessIsBetter?: true
  readonly ours: number
  /** The same measured for `peerName` in this run; null if there is no peer here. */
  readonly peer: number | null
  readonly peerName: string | null
  /** How many times as good as the peer we are. */
  readonly ratio: number | null
  /** What the machine allows, measured in this run, and which part of it we reach. */
  readonly limit: number
  readonly limitShare: number
  /** Everything else: the rows of the table. */
  readonly cases: readonly Row[]
}

export function result(
  found: Omit<Result, 'ratio' | 'limitShare' | 'peer' | 'peerName'> & { peer?: number; peerName?: string },
): Result {
  const { ours, limit, peer = null, peerName = null, lessIsBetter } = found
  const better = (a: number, b: number) => (lessIsBetter ? b / a : a / b)
  const ratio = peer === null ? null : better(ours, peer)
  return { ...found, peer, peerName, ratio, limitShare: better(ours, limit) }
}

/** The processor, its cores and how busy it was when the benchmark began: figures mean little without. */
export function machine(): { processor: string; cores: number; load: number; node: string } {
  const load = Math.round(loadavg()[0]! * 10) / 10
  return { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), load, node: process.version }
}

const cell = (value: number | string | null): string => {
  if (value === null) return '–'
  if (typeof value === 'string') return value
  if (Number.isInteger(value)) return value.toLocaleString('en')
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}

type Row = Readonly<Record<string, number | string | null>>

/** The cells of rows with the same keys, the keys first; and which columns hold text only. */
function cells(rows: readonly Row[]): { lines: string[][]; isText: boolean[] } {
  const keys = Object.keys(rows[0] ?? {})
  const lines = [keys, ...rows.map(row => keys.map(key => cell(row[key] ?? null)))]
  return { lines, isText: keys.map(key => rows.every(row => typeof row[key] === 'string')) }
}

/** Rows with the same keys as an aligned table. */
export function table(rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const { lines, isText } = cells(rows)
  const widths = isText.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  const format = (line: readonly string[]) =>
    line.map((text, i) => (isText[i] ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ')
  return [format(lines[0]!), widths.map(width => '-'.repeat(width)).join('  '), ...lines.slice(1).map(format)].join(
    '\n',
  )
}

/** The same in Markdown. */
export function markdown(rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const { lines, isText } = cells(rows)
  const format = (line: readonly string[]) => `| ${line.join(' | ')} |`
  const rule = format(isText.map(text => (text ? '---' : '---:')))
  return [format(lines[0]!), rule, ...lines.slice(1).map(format)].join('\n')
}
