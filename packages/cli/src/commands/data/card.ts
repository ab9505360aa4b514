import type { DataCard } from '@modu/data'
import { defineCommand } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { localized, type Text } from '../../language.ts'
import { writeOver } from '../../statusLine.ts'

export const card = defineCommand({
  name: 'card',
  summary: {
    ko: '자료를 펴낼 수 있는 폴더로 만듭니다: 데이터 카드(README.md)와 croissant.json',
    en: 'make a folder of data that can be published: a data card (README.md) and croissant.json',
  },
  operands: [
    {
      name: 'DATA',
      many: true,
      help: {
        ko: '학습 폴더, 또는 레코드가 든 파일이나 폴더 (.jsonl, .parquet)',
        en: 'the folder of a training run, or files or folders of records (.jsonl, .parquet)',
      },
    },
  ],
  options: {
    out: {
      value: 'FOLDER',
      help: {
        ko: '카드와 자료를 둘 폴더 (필수). 그 안에 있던 자료는 그대로 쓰고, 밖의 것은 data/로 복사합니다. 카드는 새로 씁니다',
        en: 'where card and data go (required); data inside it stays, other data is copied to data/; the card is written anew',
      },
    },
    name: {
      value: 'NAME',
      help: { ko: '자료의 이름 (기본: 폴더의 이름)', en: "the dataset's name (default: the folder's)" },
    },
    description: { value: 'TEXT', help: { ko: '자료가 무엇인지', en: 'what the data is' } },
    license: {
      value: 'SPDX',
      help: { ko: '달리 적힌 데가 없는 출처의 이용 허락', en: 'licence of sources for which no other place tells one' },
    },
    creator: { value: 'NAME', help: { ko: '만든 사람이나 단체', en: 'who made it' } },
    url: { value: 'URL', help: { ko: '자료를 펴낼 주소', en: 'where it will be found' } },
    sources: {
      value: 'FILE.json',
      help: {
        ko: '출처를 적은 파일 (기본: 자료 옆의 sources.json)',
        en: 'what is known of each source (default: sources.json beside the data)',
      },
    },
    report: {
      value: 'FILE.json',
      help: {
        ko: 'modu data clean --report가 쓴 파일 (기본: 자료 옆의 report.json)',
        en: 'what modu data clean --report wrote (default: report.json beside the data)',
      },
    },
  },
  notes: {
    ko: [
      'sources.json은 출처마다 {"이름": {"license": …, "creator": …, "url": …, "description": …}}를 적습니다. 이름은 파일 이름에서 끝을 뗀 것입니다.',
      '폴더는 그대로 Hugging Face에 올릴 수 있고, croissant.json은 mlcroissant로 검사하고 읽을 수 있습니다.',
      '예: modu data card clean.jsonl --out dataset --license CC-BY-4.0 --creator 모두 --report report.json',
    ].join('\n'),
    en: [
      'sources.json tells of each source: {"NAME": {"license": …, "creator": …, "url": …, "description": …}}; the name is that of the file without its ending.',
      'The folder can be uploaded to Hugging Face as it is; mlcroissant validates croissant.json and loads the data by it.',
      'Example: modu data card clean.jsonl --out dataset --license CC-BY-4.0 --creator Modu --report report.json',
    ].join('\n'),
  },
  async run(inputs, { out, name, description, license, creator, url, sources, report }) {
    if (out === undefined) throw new UsageError({ ko: '--out FOLDER가 빠졌습니다.', en: '--out FOLDER is missing.' })
    if (url !== undefined && !URL.canParse(url)) {
      throw new UsageError({ ko: `--url에는 주소가 필요합니다: ${url}`, en: `--url needs an address: ${url}` })
    }
    const { writeDataCard } = await import('@modu/data')
    const given = Object.fromEntries(
      Object.entries({ name, description, license, creator, url, sources, report }).filter(
        ([, value]) => value !== undefined,
      ),
    )
    const onProgress = (bytes: number, totalBytes: number) => {
      const percent = Math.floor((bytes / totalBytes) * 100)
      writeOver(process.stderr, localized({ ko: `읽는 중 ${percent}%`, en: `reading ${percent}%` }))
    }
    const written = await writeDataCard({
      inputs,
      out,
      date: new Date(),
      ...given,
      ...(process.stderr.isTTY && { onProgress }),
    }).finally(() => {
      if (process.stderr.isTTY) writeOver(process.stderr)
    })
    process.stdout.write(`${describe(written).map(localized).join('\n')}\n${out}\n`)
    return 0
  },
})

/** A line a source, then what the card would still need. */
function describe({ sources, creators, url, cleaning }: DataCard): Text[] {
  const lines = sources.map(({ name, records, origin }): Text => {
    const count = records.toLocaleString('en-US')
    return { ko: `${name}: ${count}개, ${origin.license}`, en: `${name}: ${count} records, ${origin.license}` }
  })
  const wanting = [
    ...(creators.length === 0 ? ['--creator'] : []),
    ...(url === undefined ? ['--url'] : []),
    ...(cleaning === undefined ? ['--report'] : []),
  ].join(', ')
  if (wanting === '') return lines
  return [...lines, { ko: `카드에 아직 없는 것: ${wanting}`, en: `not in the card yet: ${wanting}` }]
}
