import { existsSync } from 'node:fs'
import type { RunSummary } from '@modu/dashboard'
import { ensurePage } from '../../../../scripts/page.mjs'
import { columns } from '../columns.ts'
import { defineCommand, wholeNumber } from '../command.ts'
import { CommandError } from '../errors.ts'
import { localized, type Text } from '../language.ts'

export const runs = defineCommand({
  name: 'runs',
  summary: { ko: '학습의 경과를 브라우저에서 봅니다', en: 'watch trainings in the browser' },
  operands: [
    {
      name: 'FOLDER',
      optional: true,
      many: true,
      help: {
        ko: '학습 폴더, 또는 학습 폴더들이 든 폴더 (기본: runs)',
        en: 'a run folder, or a folder of run folders (default: runs)',
      },
    },
  ],
  options: {
    port: { value: 'PORT', help: { ko: '포트 (기본: 8090)', en: 'port (default: 8090)' } },
    list: {
      help: { ko: '브라우저 없이 터미널에 표로 보입니다', en: 'print a table in the terminal instead' },
    },
    json: { help: { ko: '--list를 JSON으로 출력합니다', en: 'print --list as JSON' } },
  },
  async run(operands, options) {
    const port = wholeNumber('port', options.port, 0)
    const folders = operands.length > 0 ? operands : ['runs']
    const missing = operands.find(folder => !existsSync(folder))
    if (missing !== undefined) {
      throw new CommandError({ ko: `그런 폴더가 없습니다: ${missing}`, en: `there is no folder ${missing}` })
    }
    const { Runs, startDashboard } = await import('@modu/dashboard')
    if (options.list || options.json) {
      const summaries = new Runs(folders).read()
      process.stdout.write(options.json ? `${JSON.stringify(summaries, undefined, 2)}\n` : runTable(summaries))
      return 0
    }
    const dashboard = await startDashboard({ folders, port, page: await ensurePage('apps/dashboard') })
    process.stdout.write(
      localized({
        ko: `브라우저에서 열어 보세요: ${dashboard.url}\n끝내려면 Ctrl-C를 누르세요.\n`,
        en: `Open ${dashboard.url} in your browser.\nCtrl-C stops.\n`,
      }),
    )
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => void dashboard.close().then(() => process.exit(0)))
    }
    return new Promise(() => {})
  },
})

const states: Readonly<Record<RunSummary['state'], Text>> = {
  running: { ko: '학습 중', en: 'training' },
  finished: { ko: '끝남', en: 'finished' },
  stopped: { ko: '멈춤', en: 'stopped' },
}

const titles: readonly Text[] = [
  { ko: '학습', en: 'run' },
  { ko: '상태', en: 'state' },
  { ko: '과정', en: 'stage' },
  { ko: '단계', en: 'step' },
  { ko: '손실', en: 'loss' },
  { ko: '토큰/초', en: 'tokens/s' },
]

/** The runs as a table, a line each. */
function runTable(summaries: readonly RunSummary[]): string {
  if (summaries.length === 0) {
    return localized({
      ko: '학습 폴더가 없습니다. 시작해 보세요: npx modu train recipes/tiny.json\n',
      en: 'There are no runs. Start one: npx modu train recipes/tiny.json\n',
    })
  }
  const rows = summaries.map(run => [
    run.id,
    localized(states[run.state]),
    run.stage ?? '-',
    run.totalSteps > 0 ? `${run.step}/${run.totalSteps}` : String(run.step),
    run.loss?.toFixed(3) ?? '-',
    run.tokensPerSecond === undefined ? '-' : Math.round(run.tokensPerSecond).toLocaleString('en-US'),
  ])
  return columns([titles.map(localized), ...rows])
}
