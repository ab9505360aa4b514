import { defineCommand, wholeNumber } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { jsonOption, printSecret, withKeys } from './store.ts'

export const create = defineCommand({
  name: 'create',
  summary: { ko: '키를 만듭니다', en: 'make a key' },
  operands: [{ name: 'NAME', help: { ko: '알아보기 위한 이름', en: 'a name to know it by' } }],
  options: {
    models: {
      value: 'NAMES',
      help: { ko: '쓸 수 있는 모델, 쉼표로 나눔 (기본: 모두)', en: 'models it may use, with commas (default: all)' },
    },
    admin: {
      help: { ko: '키와 사용량을 관리할 수 있습니다 (/admin)', en: 'may manage keys and see usage (/admin)' },
    },
    requests: { value: 'N', help: { ko: '1분에 요청 N번까지', en: 'at most N requests a minute' } },
    tokens: { value: 'N', help: { ko: '1분에 토큰 N개까지', en: 'at most N tokens a minute' } },
    monthly: { value: 'N', help: { ko: '한 달(UTC)에 토큰 N개까지', en: 'at most N tokens a month (UTC)' } },
    expires: {
      value: 'DATE',
      help: { ko: '이 날이나 시각에 만료됩니다 (예: 2027-01-31)', en: 'expires at this day or time (e.g. 2027-01-31)' },
    },
    json: jsonOption,
  },
  notes: {
    ko: '예: modu keys create 상담팀 --requests 60 --monthly 5000000',
    en: 'Example: modu keys create support --requests 60 --monthly 5000000',
  },
  async run([name], options) {
    const terms = {
      name: nonEmpty(name!),
      models: options.models === undefined ? null : options.models.split(',').map(model => model.trim()),
      admin: options.admin,
      requestsPerMinute: wholeNumber('requests', options.requests, 1) ?? null,
      tokensPerMinute: wholeNumber('tokens', options.tokens, 1) ?? null,
      tokensPerMonth: wholeNumber('monthly', options.monthly, 1) ?? null,
      expiresAt: options.expires === undefined ? null : futureTime(options.expires),
    }
    const made = await withKeys(keys => keys.create(terms))
    await printSecret(made, { ko: `키를 만들었습니다: ${terms.name}`, en: `New key: ${terms.name}` }, options.json)
    return 0
  },
})

function nonEmpty(name: string): string {
  if (name.trim() !== '') return name.trim()
  throw new UsageError({ ko: '키의 이름이 비어 있습니다.', en: 'the name of the key is empty.' })
}

function futureTime(text: string): number {
  const time = Date.parse(text)
  if (time > Date.now()) return time
  throw new UsageError({
    ko: `--expires에는 앞으로 올 날이나 시각이 필요합니다 (예: 2027-01-31): ${text}`,
    en: `--expires needs a day or time to come (e.g. 2027-01-31): ${text}`,
  })
}
