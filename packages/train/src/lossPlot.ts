import { escapeXml } from '@modu/data'
import type { Metrics, StepMetrics, ValidationMetrics } from './metrics.ts'

/** A line of the plot: points in data units. */
interface Curve {
  readonly name: string
  readonly colour: string
  readonly points: readonly (readonly [number, number])[]
}

const width = 860
const panelHeight = 260
const left = 64
const right = 210
const top = 46
const gap = 78
const plotWidth = width - left - right
const colours = [
  '#2563eb',
  '#dc2626',
  '#16a34a',
  '#d97706',
  '#9333ea',
  '#0891b2',
  '#be185d',
  '#65a30d',
  '#475569',
  '#b45309',
]

const short = (value: number): string => String(Number(value.toPrecision(3)))

/** About `count` round numbers from `low` to `high`. */
function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough)!
  const first = Math.ceil(low / step)
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step)
}

/** Means of neighbouring points, so that a long noisy curve is drawn with at most `most` points. */
function thin(points: readonly (readonly [number, number])[], most: number): (readonly [number, number])[] {
  const size = Math.ceil(points.length / most)
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const group = points.slice(i * size, (i + 1) * size)
    const mean = (k: 0 | 1) => group.reduce((sum, point) => sum + point[k], 0) / group.length
    return [mean(0), mean(1)] as const
  })
}

/** One panel: frame, grid, curves, and a legend on its right. `borders` are steps at which a stage begins. */
function panel(title: string, y: number, curves: readonly Curve[], steps: number, borders: readonly number[]): string {
  const values = curves.flatMap(curve => curve.points.map(point => point[1])).filter(Number.isFinite)
  if (values.length === 0) return ''
  const low = Math.min(...values)
  const high = Math.max(...values, low + 1e-9)
  const margin = (high - low) * 0.05
  const [from, to] = [low - margin, high + margin]
  const px = (step: number) => (left + (step / Math.max(1, steps)) * plotWidth).toFixed(1)
  const py = (value: number) => (y + panelHeight - ((value - from) / (to - from)) * panelHeight).toFixed(1)
  const bottom = y + panelHeight
  return [
    `<text x="${left}" y="${y - 12}" class="title">${escapeXml(title)}</text>`,
    ...ticks(from, to, 5).map(
      value =>
        `<path d="M${left} ${py(value)}H${left + plotWidth}" class="grid"/><text x="${left - 8}" y="${py(value)}" dy="4" text-anchor="end">${short(value)}</text>`,
    ),
    ...ticks(0, steps, 6).map(
      step => `<text x="${px(step)}" y="${bottom + 18}" text-anchor="middle">${short(step) === '0' ? 0 : step}</text>`,
    ),
    ...borders.map(step => `<path d="M${px(step)} ${y}V${bottom}" class="border"/>`),
    `<rect x="${left}" y="${y}" width="${plotWidth}" height="${panelHeight}" class="frame"/>`,
    ...curves.map(({ colour, points }) => {
      const path = thin(points, 400).map(([step, value]) => `${px(step)} ${py(value)}`)
      const dots =
        points.length <= 60
          ? thin(points, 400).map(([s, v]) => `<circle cx="${px(s)}" cy="${py(v)}" r="2.2" fill="${colour}"/>`)
          : []
      return `<path d="M${path.join('L')}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"/>${dots.join('')}`
    }),
    ...curves.map(
      ({ name, colour, points }, i) =>
        `<circle cx="${left + plotWidth + 18}" cy="${y + 12 + i * 19}" r="4" fill="${colour}"/><text x="${left + plotWidth + 28}" y="${y + 16 + i * 19}">${escapeXml(name)} ${short(points.at(-1)![1])}</text>`,
    ),
  ].join('\n')
}

/**
 * The course of a run as an SVG picture: training loss (nats a token) above, held-out data (bits a byte, by source)
 * below, against the step; a dashed line where fine-tuning begins.
 */
export function lossPlot(title: string, metrics: readonly Metrics[]): string {
  const steps = metrics.filter((m): m is StepMetrics => m.kind === 'step')
  const validations = metrics.filter((m): m is ValidationMetrics => m.kind === 'validation')
  const last = metrics.at(-1)?.step ?? 0
  const stages = { pretrain: '사전 학습 / pre-training', finetune: '대화 미세 조정 / fine-tuning' }
  const losses = (['pretrain', 'finetune'] as const).flatMap((stage, i): Curve[] => {
    const points = steps.filter(m => m.stage === stage).map(m => [m.step, m.loss] as const)
    return points.length > 0 ? [{ name: stages[stage], colour: colours[i]!, points }] : []
  })
  const sources = [...new Set(validations.flatMap(m => Object.keys(m.bitsPerByte)))]
  const held = sources.map((name, i): Curve => {
    const points = validations.flatMap(m => (name in m.bitsPerByte ? [[m.step, m.bitsPerByte[name]!] as const] : []))
    return { name, colour: colours[i % colours.length]!, points }
  })
  const begins = (['finetune', 'reinforce'] as const).map(stage => steps.find(m => m.stage === stage)?.step ?? 0)
  const borders = begins.filter(step => step > 1)
  const modes = { thinking: '생각하고 / thinking', direct: '바로 / direct' }
  const right = (['thinking', 'direct'] as const).flatMap((mode, i): Curve[] => {
    const points = validations.flatMap(m =>
      m.accuracy?.[mode] === undefined ? [] : [[m.step, m.accuracy[mode]] as const],
    )
    return points.length > 0 ? [{ name: modes[mode], colour: colours[i]!, points }] : []
  })
  const rewards = steps.flatMap(m => (m.measures?.reward === undefined ? [] : [[m.step, m.measures.reward] as const]))
  if (rewards.length > 0) right.push({ name: '보상 / reward', colour: colours[2]!, points: rewards })
  const panels = [
    { title: `${title}: 학습 손실 (nat/토큰) · training loss (nats/token)`, curves: losses },
    { title: '검증 (비트/바이트) · held-out data (bits/byte)', curves: held },
    { title: '연습 문제 정답률 · share of exercises answered rightly', curves: right },
  ].filter(({ curves }, i) => i < 2 || curves.length > 0)
  const height = top + (panelHeight + gap) * panels.length - gap + 60
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">`,
    '<style>text{font:12px "Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif;fill:#334155}.title{font-size:14px;font-weight:600}.grid{stroke:#e2e8f0}.border{stroke:#94a3b8;stroke-dasharray:4 4}.frame{fill:none;stroke:#94a3b8}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels.map(({ title, curves }, i) => panel(title, top + i * (panelHeight + gap), curves, last, borders)),
    `<text x="${left + plotWidth / 2}" y="${height - 14}" text-anchor="middle">단계 · step</text>`,
    '</svg>\n',
  ].join('\n')
}
