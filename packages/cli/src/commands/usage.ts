import { columns } from '../columns.ts'
import { defineCommand } from '../command.ts'
import { UsageError } from '../errors.ts'
import { localized, type Text } from '../language.ts'

const titles: readonly Text[] = [
  { ko: '날짜(UTC)', en: 'day (UTC)' },
  { ko: '키', en: 'key' },
  { ko: '모델', en: 'model' },
  { ko: '요청', en: 'requests' },
  { ko: '입력 토큰', en: 'prompt tokens' },
  { ko: '답변 토큰', en: 'answer tokens' },
]

export const usage = defineCommand({
  name: 'usage',
  summary: { ko: '서버의 사용량을 날짜, 키, 모델별로 보입니다', en: "show the server's usage by day, key and model" },
  operands: [],
  options: {
    from: { value: 'DAY', help: { ko: '이 날부터 (예: 2026-11-01)', en: 'from this day (e.g. 2026-11-01)' } },
    to: { value: 'DAY', help: { ko: '이 날까지', en: 'to this day' } },
    csv: { help: { ko: 'CSV로 출력합니다', en: 'print CSV' } },
    json: { help: { ko: 'JSON으로 출력합니다', en: 'print JSON' } },
  },
  async run(_, options) {
    const days = { from: dayOf('from', options.from), to: dayOf('to', options.to) }
    const { openDatabase, usageCsv, usageReport } = await import('@modu/serve')
    const database = await openDatabase()
    const report = await usageReport(database, days).finally(() => database.close())
    if (options.csv) process.stdout.write(usageCsv(report))
    else if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
    else if (report.length === 0) {
      process.stdout.write(localized({ ko: '사용한 기록이 없습니다.\n', en: 'Nothing has been used.\n' }))
    } else {
      const rows = report.map(row => [
        row.day,
        row.name ?? row.key,
        row.model,
        ...[row.requests, row.prompt_tokens, row.completion_tokens].map(n => n.toLocaleString('en-US')),
      ])
      process.stdout.write(columns([titles.map(localized), ...rows]))
    }
    return 0
  },
})

function dayOf(name: string, value: string | undefined): string | undefined {
  if (value === undefined || /^\d{4}-\d{2}-\d{2}$/.test(value)) return value
  throw new UsageError({
    ko: `--${name}에는 2026-11-01과 같은 날짜가 필요합니다: ${value}`,
    en: `--${name} needs a day such as 2026-11-01: ${value}`,
  })
}
