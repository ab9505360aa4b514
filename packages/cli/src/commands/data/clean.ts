import type { CleaningDone, CleaningReport, StepReport } from '@modu/data'
import { defineCommand, numberBetween, oneOf, wholeNumber } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { language, localized, type Text } from '../../language.ts'
import { writeOver } from '../../statusLine.ts'

export const clean = defineCommand({
  name: 'clean',
  summary: {
    ko: '모은 글을 학습에 쓸 수 있게 다듬습니다: 마크업과 질 낮은 글, 개인정보, 겹치는 글을 걸러 냅니다',
    en: 'turn collected texts into training data: markup, poor texts, personal data and duplicates go',
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
      help: {
        ko: '단계마다 센 수와 보기를 쓸 파일. modu data report가 읽습니다',
        en: 'where counts and samples of each step go, for modu data report',
      },
    },
    skip: {
      value: 'STEP,…',
      help: { ko: '건너뛸 단계 (이름은 아래에)', en: 'steps to leave out (names below)' },
    },
    'min-characters': {
      value: 'N',
      help: { ko: '이보다 글자가 적은 글을 뺍니다 (기본값: 20)', en: 'shorter texts are dropped (default: 20)' },
    },
    'min-hangul': {
      value: 'SHARE',
      help: {
        ko: '글자 가운데 한글이 이보다 적은 글을 뺍니다 (기본값: 0.5)',
        en: 'texts whose letters are Hangul to a smaller part are dropped (default: 0.5)',
      },
    },
    threads: {
      value: 'N',
      help: {
        ko: '함께 일할 스레드 수. 결과는 같습니다 (기본값: 코어 수)',
        en: 'threads; the result is the same (default: all cores)',
      },
    },
    seed: {
      value: 'N',
      help: { ko: '보기를 뽑는 난수 씨앗 (기본값: 1)', en: 'decides which samples are drawn (default: 1)' },
    },
  },
  notes: {
    ko: [
      '단계: unicode(글자 꼴), markup(마크업), boilerplate(메뉴·저작권 줄), spacing(빈칸과 되풀이), language(언어),',
      '  quality(글의 질), words(욕설·음란·광고 낱말), personalData(개인정보), contamination(평가 자료),',
      '  exactDuplicates(같은 글), nearDuplicates(비슷한 글). 이 순서로 거칩니다.',
      '가리는 것: 주민등록번호, 외국인등록번호, 카드번호, 계좌번호, 전화번호, 여권번호, 이메일, 주소. 이름은 가리지 않습니다.',
      '비슷한 글: 다섯 글자씩 견주어 열에 일곱쯤이 같으면 먼저 나온 글만 남깁니다.',
      '평가 자료: 낱말 13개가 이어서 같거나, 그보다 짧은 문장(낱말 6개 이상)이 통째로 들어 있으면 뺍니다.',
      '도중에 멈추어도 같은 명령을 다시 내리면 이어서 합니다. 그때까지 한 것은 FILE.jsonl.parts 폴더에 있습니다.',
      'text 말고 다른 칸은 그대로 둡니다. 표(.tsv)의 칸 이름은 첫 줄에서 읽습니다.',
    ].join('\n'),
    en: [
      'Steps, in this order: unicode, markup, boilerplate (menus, copyright lines), spacing, language, quality, words',
      '  (insults, slurs, pornography, spam), personalData, contamination, exactDuplicates, nearDuplicates.',
      'Masked: registration numbers of residents and foreigners, cards, accounts, telephones, passports, e-mail, addresses; not names.',
      'Near duplicates: of texts that share about seven in ten of their character 5-grams the first stays.',
      'Evaluation sets: 13 words in a row, or a shorter sentence (6 words or more) as a whole.',
      'If it is stopped, the same command goes on; what is done lies in the folder FILE.jsonl.parts.',
      'Fields other than text stay as they are. Tables (.tsv) take the names of their fields from the first line.',
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
    const { cleaningSteps, cleanDocuments, stepWords } = await import('@modu/data')
    const start = performance.now()
    const onProgress = process.stderr.isTTY ? await progressLine(start) : undefined
    const minCharacters = wholeNumber('min-characters', options['min-characters'], 0)
    const minHangul = numberBetween('min-hangul', options['min-hangul'], 0, 1)
    const threads = wholeNumber('threads', options.threads, 1)
    const seed = wholeNumber('seed', options.seed, 0)
    const report = await cleanDocuments({
      inputs,
      out,
      against: listed(options.against),
      report: options.report,
      skip: listed(options.skip).map(step => oneOf('skip', step, cleaningSteps)!),
      ...(minCharacters !== undefined && { minCharacters }),
      ...(minHangul !== undefined && { minHangul }),
      ...(threads !== undefined && { threads }),
      ...(seed !== undefined && { seed }),
      ...(onProgress && { onProgress }),
    }).finally(() => {
      if (onProgress) writeOver(process.stderr)
    })
    const seconds = (performance.now() - start) / 1000
    const name = (step: StepReport) => localized(stepWords[step.name].name)
    process.stdout.write(`${describe(report, name, seconds)}\n${out}\n`)
    return 0
  },
})

const listed = (list: string | undefined): string[] => list?.split(',').map(each => each.trim()) ?? []

/** A line at the terminal that says how far we are, how fast, and how long it will still take. */
async function progressLine(start: number): Promise<(progress: CleaningDone) => void> {
  const { formatEvent } = await import('@modu/train')
  return ({ bytes, totalBytes, reusedBytes }) => {
    if (bytes === totalBytes) {
      writeOver(process.stderr, localized({ ko: '  겹치는 글을 찾는 중', en: '  looking for duplicates' }))
      return
    }
    const bytesPerSecond = ((bytes - reusedBytes) / (performance.now() - start)) * 1000
    const secondsLeft = (totalBytes - bytes) / bytesPerSecond
    const line = formatEvent({ kind: 'cleaning', bytes, totalBytes, bytesPerSecond, secondsLeft }, language())
    writeOver(process.stderr, line)
  }
}

/** A row a step, in order; then what was masked, what is left, and how fast it went. */
function describe(
  { steps, total, withoutTextPlaces }: CleaningReport,
  name: (step: StepReport) => string,
  seconds: number,
): string {
  const heads = [
    { ko: '고침', en: 'changed' },
    { ko: '뺌', en: 'dropped' },
    { ko: '줄어든 글자', en: 'characters' },
  ]
  const head = padEnd('', 18) + heads.map(text => padStart(localized(text), 14)).join('')
  const rows = steps.map(
    step =>
      padEnd(name(step), 18) +
      [step.changed, step.dropped, step.charactersRemoved + step.charactersDropped]
        .map(count => padStart(grouped(count), 14))
        .join(''),
  )
  const masked = Object.entries(steps.find(step => step.name === 'personalData')?.found ?? {})
  const kinds = masked.map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ')
  const none = localized({ ko: '없음', en: 'none' })
  const speed = (total.bytes / 1e6 / seconds).toFixed(1)
  const lines: readonly Text[] = [
    { ko: `가린 것: ${kinds || none}`, en: `masked: ${kinds || none}` },
    ...(total.withoutText > 0 ? [withoutText(total.withoutText, withoutTextPlaces)] : []),
    {
      ko: `남은 문서: ${grouped(total.read.documents)}개 가운데 ${grouped(total.kept.documents)}개 (글자 ${grouped(total.kept.characters)}자)`,
      en: `kept: ${grouped(total.kept.documents)} of ${grouped(total.read.documents)} documents (${grouped(total.kept.characters)} characters)`,
    },
    { ko: `걸린 시간: ${seconds.toFixed(1)}초 (${speed} MB/s)`, en: `time: ${seconds.toFixed(1)} s (${speed} MB/s)` },
  ]
  return `${[head, ...rows, '', ...lines.map(localized)].join('\n')}\n`
}

function withoutText(count: number, places: readonly string[]): Text {
  const list = `${places.join(', ')}${count > places.length ? ' …' : ''}`
  return {
    ko: `text가 없어 읽지 못한 레코드: ${grouped(count)}개 (${list})`,
    en: `records without a text: ${grouped(count)} (${list})`,
  }
}

const grouped = (count: number): string => count.toLocaleString('en-US')

/** Columns at a terminal, where a Hangul syllable takes two. */
const columns = (text: string): number => text.length + (text.match(/[가-힣]/g)?.length ?? 0)
const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - columns(text)))
const padStart = (text: string, width: number): string => ' '.repeat(Math.max(0, width - columns(text))) + text
