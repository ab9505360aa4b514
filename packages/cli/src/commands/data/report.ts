import { defineCommand } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { language } from '../../language.ts'

export const report = defineCommand({
  name: 'report',
  summary: {
    ko: '자료를 다듬은 결과를 그림과 보기가 든 HTML 쪽으로 만듭니다',
    en: 'show what cleaning did as an HTML page with plots and samples',
  },
  operands: [
    {
      name: 'REPORT',
      help: {
        ko: 'modu data clean --report가 쓴 파일, 또는 학습 폴더(그 안의 corpus 폴더도 됩니다)',
        en: 'what modu data clean --report wrote, or the folder of a training run (or corpus in it)',
      },
    },
  ],
  options: { html: { value: 'PAGE.html', help: { ko: '쪽을 쓸 파일 (필수)', en: 'where the page goes (required)' } } },
  notes: {
    ko: '쪽은 파일 하나이며 네트워크 없이 열립니다. 한국어와 영어가 함께 들어 있습니다.\n예: modu data report runs/nano --html report.html',
    en: 'The page is one file and needs no network. It holds Korean and English.\nExample: modu data report runs/nano --html report.html',
  },
  async run([path], { html }) {
    if (html === undefined)
      throw new UsageError({ ko: '--html PAGE.html이 빠졌습니다.', en: '--html PAGE.html is missing.' })
    const [{ dataReportPage, readDataReport }, { writeFileAtomic }] = await Promise.all([
      import('@modu/data'),
      import('@modu/model'),
    ])
    writeFileAtomic(html, dataReportPage(await readDataReport(path!), language()))
    process.stdout.write(`${html}\n`)
    return 0
  },
})
