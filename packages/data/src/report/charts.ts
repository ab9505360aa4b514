import { both, escapeXml, type Text } from './html.ts'

const width = 860
const number = (value: number): string => value.toLocaleString('en-US')
const short = (text: string, most: number): string =>
  text.length > most ? `…${text.slice(text.length - most + 1)}` : text

/** A part of a bar: its size in any unit, what it is, and the class that colours it. */
export interface Part {
  readonly size: number
  readonly name: Text
  readonly className: string
}

export interface BarRow {
  readonly label: Text
  readonly parts: readonly Part[]
  /** What stands behind the bar. */
  readonly note: Text
}

const rowHeight = 26
const left = 190
const barWidth = 440

/** Bars one below the other, each of parts. All have the same scale, up to the longest bar or `full`. */
export function barChart(title: Text, rows: readonly BarRow[], full?: number): string {
  const longest = full ?? Math.max(...rows.map(({ parts }) => parts.reduce((sum, { size }) => sum + size, 0)), 1)
  const height = rows.length * rowHeight
  const bars = rows.map(({ label, parts, note }, i) => {
    const y = i * rowHeight
    let x = left
    const drawn = parts.map(({ size, name, className }) => {
      const partWidth = (size / longest) * barWidth
      const hint = `<title>${escapeXml(`${name.ko} · ${name.en}: ${number(size)}`)}</title>`
      const rectangle = `<rect x="${x.toFixed(1)}" y="${y + 4}" width="${partWidth.toFixed(1)}" height="18" class="${className}">${hint}</rect>`
      x += partWidth
      return size > 0 ? rectangle : ''
    })
    const cut = { ko: short(label.ko, 24), en: short(label.en, 24) }
    const full = label.ko === cut.ko ? '' : `<title>${escapeXml(label.ko)}</title>`
    return [
      `<text x="${left - 8}" y="${y + 18}" text-anchor="end">${full}${both(cut, 'tspan')}</text>`,
      ...drawn,
      `<text x="${left + barWidth + 10}" y="${y + 18}" class="soft">${both(note, 'tspan')}</text>`,
    ].join('')
  })
  return svg(title, width, height, bars)
}

/** A row of a legend: coloured squares and what they mean. */
export const legend = (entries: readonly { name: Text; className: string }[]): string =>
  `<p class="legend">${entries
    .map(
      ({ name, className }) =>
        `<span><svg viewBox="0 0 10 10" class="square"><rect width="10" height="10" class="${className}"/></svg>${both(name)}</span>`,
    )
    .join('')}</p>`

/** Counts by powers of two from `range[0]` up to before `range[1]`, drawn over each other: `before` behind `after`. */
export function histogram(
  title: Text,
  { before = [], after }: { readonly before?: readonly number[]; readonly after: readonly number[] },
  size: {
    readonly range: readonly [number, number]
    readonly width: number
    readonly height: number
    readonly labels: boolean
  },
): string {
  const [first, end] = size.range
  const bins = Array.from({ length: end - first }, (_, k) => [before[first + k] ?? 0, after[first + k] ?? 0])
  const highest = Math.max(1, ...bins.flat())
  const margin = size.labels ? { left: 70, bottom: 24, top: 10 } : { left: 4, bottom: 18, top: 4 }
  const binWidth = Math.min(70, (size.width - margin.left - 4) / Math.max(1, bins.length))
  const bottom = size.height - margin.bottom
  const y = (count: number) => bottom - (count / highest) * (bottom - margin.top)
  const column = (count: number, k: number, className: string) =>
    count > 0
      ? `<rect x="${(margin.left + k * binWidth + 1).toFixed(1)}" y="${y(count).toFixed(1)}" width="${(binWidth - 2).toFixed(1)}" height="${(bottom - y(count)).toFixed(1)}" class="${className}"><title>${number(2 ** (first + k))}–${number(2 ** (first + k + 1) - 1)}: ${number(count)}</title></rect>`
      : ''
  const every = size.labels ? 1 : Math.ceil(bins.length / 4)
  return svg(title, size.width, size.height, [
    ...(size.labels
      ? [0.5, 1].map(part => {
          const at = y(highest * part).toFixed(1)
          return `<path d="M${margin.left} ${at}H${size.width}" class="axis"/><text x="${margin.left - 8}" y="${at}" dy="4" text-anchor="end" class="soft">${number(Math.round(highest * part))}</text>`
        })
      : []),
    ...bins.map(([read = 0, kept = 0], k) => column(read, k, 'other') + column(kept, k, 'kept')),
    `<path d="M${margin.left} ${bottom}H${size.width}" class="axis"/>`,
    ...bins.map((_, k) =>
      k % every === 0
        ? `<text x="${(margin.left + k * binWidth + 1).toFixed(1)}" y="${size.height - 4}" class="soft">${compact(2 ** (first + k))}</text>`
        : '',
    ),
  ])
}

/** 64, 1k, 131k, 4M. */
const compact = (value: number): string =>
  value < 1000 ? `${value}` : value < 1e6 ? `${Math.floor(value / 1e3)}k` : `${Math.floor(value / 1e6)}M`

const svg = (title: Text, width: number, height: number, parts: readonly string[]): string =>
  `<div class="scroll"><svg viewBox="0 0 ${width} ${height}" style="min-width:${width * 0.75}px" role="img" aria-label="${escapeXml(`${title.ko} · ${title.en}`)}">\n${parts.join('\n')}\n</svg></div>`
