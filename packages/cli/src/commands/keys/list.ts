import { columns } from '../../columns.ts'
import { defineCommand } from '../../command.ts'
import { localized, type Text } from '../../language.ts'
import { jsonOption, stateOf, withKeys } from './store.ts'

const titles: readonly Text[] = [
  { ko: 'ID', en: 'id' },
  { ko: '이름', en: 'name' },
  { ko: '키', en: 'key' },
  { ko: '상태', en: 'state' },
  { ko: '모델', en: 'models' },
  { ko: '요청/분', en: 'requests/min' },
  { ko: '토큰/분', en: 'tokens/min' },
  { ko: '토큰/월', en: 'tokens/month' },
  { ko: '만료', en: 'expires' },
]

export const list = defineCommand({
  name: 'list',
  summary: { ko: '모든 키를 보입니다', en: 'show all keys' },
  operands: [],
  options: { json: jsonOption },
  async run(_, options) {
    const all = await withKeys(keys => keys.list())
    if (options.json) {
      const { keyBody } = await import('@modu/serve')
      process.stdout.write(`${JSON.stringify(all.map(keyBody), undefined, 2)}\n`)
      return 0
    }
    if (all.length === 0) {
      process.stdout.write(
        localized({
          ko: '키가 없습니다. 만들어 보세요: modu keys create 이름\n',
          en: 'There are no keys. Make one: modu keys create NAME\n',
        }),
      )
      return 0
    }
    const rows = all.map(key => [
      key.id,
      key.admin ? `${key.name} (admin)` : key.name,
      `${key.prefix}…`,
      localized(stateOf(key)),
      key.models?.join(',') ?? '*',
      ...[key.requestsPerMinute, key.tokensPerMinute, key.tokensPerMonth].map(
        limit => limit?.toLocaleString('en-US') ?? '-',
      ),
      key.expiresAt === null ? '-' : new Date(key.expiresAt).toISOString().slice(0, 16),
    ])
    process.stdout.write(columns([titles.map(localized), ...rows]))
    return 0
  },
})
