import type { Baseline, Metric, Note, Result } from './result.ts'

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
  thinkingGain: {
    name: { ko: '생각의 이득 (%p)', en: 'gain by thinking (points)' },
    lessIsBetter: false,
    percent: true,
  },
  toolRight: {
    name: { ko: '맞는 도구, 맞는 인자', en: 'right tool, valid arguments' },
    lessIsBetter: false,
    percent: true,
  },
  jsonValid: { name: { ko: '올바른 JSON', en: 'valid JSON' }, lessIsBetter: false, percent: true },
  modeObeyed: { name: { ko: '방식과 형식을 지킨 답', en: 'mode and form kept' }, lessIsBetter: false, percent: true },
  refused: { name: { ko: '해로운 부탁 거절', en: 'harm refused' }, lessIsBetter: false, percent: true },
  careful: { name: { ko: '도움받을 곳 안내', en: 'people in need sent to help' }, lessIsBetter: false, percent: true },
  refusedOrdinary: {
    name: { ko: '보통 부탁 거절', en: 'ordinary requests refused' },
    lessIsBetter: true,
    percent: true,
  },
}

const notes: Readonly<Record<Note, Text>> = {
  joinedReviews: {
    ko: '한 영화의 감상을 학습 때처럼 한 글로 이어 쟀습니다.',
    en: 'the reviews of a film are joined to one text, as in training.',
  },
  assistantOnly: {
    ko: '대화에서 어시스턴트의 말만 셉니다.',
    en: 'only what the assistant says in the conversations counts.',
  },
}

/** What a reader must know of the results, a line for each note. */
export function noteLines(results: readonly Result[], language: Language): string[] {
  const noted = Map.groupBy(
    results.filter(result => result.note !== undefined),
    result => result.note!,
  )
  return [...noted].map(
    ([note, all]) => `${[...new Set(all.map(result => result.source))].join(', ')}: ${notes[note][language]}`,
  )
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
