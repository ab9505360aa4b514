import type { Baseline, Metric, Result } from './result.ts'

/* What people read in the table and on the page, Korean and English. */

export type Language = 'ko' | 'en'
type Text = Readonly<Record<Language, string>>

/** A metric's name, whether less is better, and how a value of it is written. */
interface MetricWords {
  readonly name: Text
  readonly lessIsBetter: boolean
  readonly percent: boolean
}

export const metrics: Readonly<Record<Metric, MetricWords>> = {
  bitsPerByte: { name: { ko: '비트/바이트', en: 'bits per byte' }, lessIsBetter: true, percent: false },
  nliAccuracy: { name: { ko: '추론 정확도', en: 'NLI accuracy' }, lessIsBetter: false, percent: true },
  nliCalibrated: {
    name: { ko: '추론 정확도 (보정)', en: 'NLI accuracy, calibrated' },
    lessIsBetter: false,
    percent: true,
  },
  stsPearson: { name: { ko: '유사도 피어슨', en: 'STS Pearson' }, lessIsBetter: false, percent: false },
  stsSpearman: { name: { ko: '유사도 스피어먼', en: 'STS Spearman' }, lessIsBetter: false, percent: false },
  repetition: { name: { ko: '되풀이하는 답', en: 'answers that repeat' }, lessIsBetter: true, percent: true },
  foreignLetters: { name: { ko: '한글이 아닌 글자', en: 'letters not Hangul' }, lessIsBetter: true, percent: true },
  ended: { name: { ko: '스스로 끝낸 답', en: 'answers that end' }, lessIsBetter: false, percent: true },
  exercisesDirect: {
    name: { ko: '문제 정답 (바로 답)', en: 'exercises, direct' },
    lessIsBetter: false,
    percent: true,
  },
  exercisesThinking: {
    name: { ko: '문제 정답 (생각)', en: 'exercises, thinking' },
    lessIsBetter: false,
    percent: true,
  },
  modeObeyed: { name: { ko: '방식을 지킨 답', en: 'mode obeyed' }, lessIsBetter: false, percent: true },
}

const baselineNames: Readonly<Record<string, Text>> = {
  xz: { ko: 'xz -9', en: 'xz -9' },
  brotli: { ko: 'brotli', en: 'brotli' },
  majority: { ko: '가장 흔한 답', en: 'majority' },
  overlap: { ko: '글자 겹침', en: 'letter overlap' },
}

export const baselineName = ({ name }: Baseline, language: Language): string => baselineNames[name]?.[language] ?? name

export const headings = {
  metric: { ko: '지표', en: 'metric' },
  source: { ko: '자료', en: 'data' },
  value: { ko: '값', en: 'value' },
  interval: { ko: '95% 구간', en: '95% interval' },
  items: { ko: '개수', en: 'items' },
  baselines: { ko: '기준', en: 'baselines' },
} satisfies Record<string, Text>

/** The value of a metric as people read it: three decimals, or per cent with one. */
export const valueText = (metric: Metric, value: number): string =>
  metrics[metric].percent ? `${(100 * value).toFixed(1)}%` : value.toFixed(3)

export const intervalText = ({ metric, low, high }: Result): string =>
  `${valueText(metric, low)} ~ ${valueText(metric, high)}`

export const baselinesText = ({ metric, baselines }: Result, language: Language): string =>
  baselines.map(each => `${baselineName(each, language)} ${valueText(metric, each.value)}`).join(', ')
