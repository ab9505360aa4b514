import { defineCommand } from '../../command.ts'
import { localized } from '../../language.ts'
import { keyOperand, withKeys } from './store.ts'

export const revoke = defineCommand({
  name: 'revoke',
  summary: { ko: '키를 폐기합니다', en: 'end a key' },
  operands: [keyOperand],
  options: {},
  notes: {
    ko: '폐기한 키로는 곧바로 아무것도 할 수 없습니다. 사용 기록은 남습니다.',
    en: 'The key is good for nothing from now on. Its usage stays on record.',
  },
  async run([named]) {
    const { name, id } = await withKeys(keys => keys.revoke(named!))
    process.stdout.write(localized({ ko: `키를 폐기했습니다: ${name} (${id})\n`, en: `Revoked: ${name} (${id})\n` }))
    return 0
  },
})
