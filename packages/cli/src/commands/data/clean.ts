import type { cleanDocuments } from '@modu/data'
import { defineCommand } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { language, localized, type Text } from '../../language.ts'
import { writeOver } from '../../statusLine.ts'

type Report = Awaited<ReturnType<typeof cleanDocuments>>
type Step = keyof Report['steps']

export const clean = defineCommand({
  name: 'clean',
  summary: {
    ko: '문서에서 개인정보를 가리고, 겹치는 글과 평가 자료가 섞인 글을 뺍니다',
    en: 'mask personal data in documents; drop duplicates and copies of evaluation sets',
  },
  operands: [
    {
      name: 'IN',
      many: true,
      help: {
        ko: '문서 파일이나 폴더. 레코드마다 text가 있어야 합니다',
        en: 'files or folders of documents, each a record with a text',
      },
    },
  ],
  options: {
    out: { value: 'FILE.jsonl', help: { ko: '남은 문서를 쓸 파일 (필수)', en: 'where documents kept go (required)' } },
    against: {
      value: 'EVAL,…',
      help: {
        ko: '평가 파일. 여기 나오는 글이 든 문서를 뺍니다',
        en: 'evaluation files; documents that hold a piece of them are dropped',
      },
    },
    report: {
      value: 'FILE.json',
      help: { ko: '단계마다 센 수와 보기를 쓸 파일', en: 'where counts and samples of each step go' },
    },
  },
  notes: {
    ko: [
      '가리는 것: 주민등록번호, 외국인등록번호, 카드번호, 계좌번호, 전화번호, 여권번호, 이메일, 주소. 이름은 가리지 않습니다.',
      '비슷한 글: 다섯 글자씩 견주어 열에 일곱쯤이 같으면 먼저 나온 글만 남깁니다.',
      '평가 자료: 낱말 13개가 이어서 같거나, 그보다 짧은 문장(낱말 6개 이상)이 통째로 들어 있으면 뺍니다.',
      'text 말고 다른 칸은 그대로 둡니다.',
    ].join('\n'),
    en: [
      'Masked: registration numbers of residents and foreigners, cards, accounts, telephones, passports, e-mail, addresses; not names.',
      'Near duplicates: of texts that share about seven in ten of their character 5-grams the first stays.',
      'Evaluation sets: 13 words in a row, or a shorter sentence (6 words or more) as a whole.',
      'Fields other than text stay as they are.',
    ].join('\n'),
  },
  async run(inputs, options) {
    const { out } = options
    if (out === undefined)
      throw new UsageError({ ko: '--out FILE.jsonl이 빠졌습니다.', en: '--out FILE.jsonl is missing.' })
    if (!out.endsWith('.jsonl')) {
      throw new UsageError({
        ko: `--out의 이름은 .jsonl로 끝나야 합니다: ${out}`,
        en: `--out needs a name that ends in .jsonl: ${out}`,
      })
    }
    const { cleanDocuments } = await import('@modu/data')
    const { writeFileAtomic } = await import('@modu/model')
    const against = options.against?.split(',').map(path => path.trim()) ?? []
    const start = performance.now()
    const onProgress = process.stderr.isTTY ? await progressLine(start) : undefined
    const report = await cleanDocuments({ inputs, out, against, ...(onProgress && { onProgress }) }).finally(() => {
      if (onProgress) writeOver(process.stderr)
    })
    const seconds = (performance.now() - start) / 1000
    if (options.report) writeFileAtomic(options.report, `${JSON.stringify(report, undefined, 2)}\n`)
    process.stdout.write(`${describe(report, seconds)}\n${out}\n`)
    return 0
  },
})

/** A line at the terminal that says how far we are, how fast, and how long it will still take. */
async function progressLine(start: number): Promise<(bytes: number, totalBytes: number) => void> {
  const { formatEvent } = await import('@modu/train')
  return (bytes, totalBytes) => {
    const bytesPerSecond = (bytes / (performance.now() - start)) * 1000
    const secondsLeft = (totalBytes - bytes) / bytesPerSecond
    const line = formatEvent({ kind: 'cleaning', bytes, totalBytes, bytesPerSecond, secondsLeft }, language())
    writeOver(process.stderr, line)
  }
}

const stepNames: Readonly<Record<Step, Text>> = {
  form: { ko: '글 모양', en: 'form' },
  personalData: { ko: '개인정보', en: 'personal data' },
  exactDuplicates: { ko: '같은 글', en: 'duplicates' },
  nearDuplicates: { ko: '비슷한 글', en: 'near duplicates' },
  contamination: { ko: '평가 자료', en: 'evaluation sets' },
}

/** A row a step, in order; then what was masked, what is left, and how fast it went. */
function describe(report: Report, seconds: number): string {
  const heads = [
    { ko: '고침', en: 'changed' },
    { ko: '뺌', en: 'dropped' },
  ]
  const head = padEnd('', 18) + heads.map(text => padStart(localized(text), 12)).join('')
  const rows = Object.entries(report.steps).map(
    ([name, { changed, dropped }]) =>
      padEnd(localized(stepNames[name as Step]), 18) + [changed, dropped].map(n => padStart(grouped(n), 12)).join(''),
  )
  const kinds = Object.entries(report.personalData).map(([kind, count]) => `${kind} ${grouped(count)}`)
  const none = localized({ ko: '없음', en: 'none' })
  const lines: readonly Text[] = [
    { ko: `가린 것: ${kinds.join(', ') || none}`, en: `masked: ${kinds.join(', ') || none}` },
    ...(report.withoutText > 0 ? [withoutText(report)] : []),
    {
      ko: `남은 문서: ${grouped(report.read)}개 가운데 ${grouped(report.kept)}개 (${megabytes(report.bytesKept)} MB)`,
      en: `kept: ${grouped(report.kept)} of ${grouped(report.read)} documents (${megabytes(report.bytesKept)} MB)`,
    },
    {
      ko: `걸린 시간: ${seconds.toFixed(1)}초 (${(report.bytesRead / 1e6 / seconds).toFixed(1)} MB/s)`,
      en: `time: ${seconds.toFixed(1)} s (${(report.bytesRead / 1e6 / seconds).toFixed(1)} MB/s)`,
    },
  ]
  return `${[head, ...rows, '', ...lines.map(localized)].join('\n')}\n`
}

function withoutText({ withoutText, withoutTextPlaces }: Report): Text {
  const places = withoutTextPlaces.join(', ')
  return {
    ko: `text가 없어 읽지 못한 레코드: ${grouped(withoutText)}개 (${places}${withoutText > withoutTextPlaces.length ? ' …' : ''})`,
    en: `records without a text: ${grouped(withoutText)} (${places}${withoutText > withoutTextPlaces.length ? ' …' : ''})`,
  }
}

const grouped = (count: number): string => count.toLocaleString('en-US')
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** Columns at a terminal, where a Hangul syllable takes two. */
const columns = (text: string): number => text.length + (text.match(/[가-힣]/g)?.length ?? 0)
const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - columns(text)))
const padStart = (text: string, width: number): string => ' '.repeat(Math.max(0, width - columns(text))) + text
