import { defineCommand } from '../../command.ts'
import { jsonOption, keyOperand, printSecret, withKeys } from './store.ts'

export const rotate = defineCommand({
  name: 'rotate',
  summary: { ko: '키를 새것으로 바꿉니다', en: 'give a key a new secret' },
  operands: [keyOperand],
  options: { json: jsonOption },
  notes: {
    ko: '이름, 한도, 사용 기록은 그대로이고, 이전 키는 곧바로 쓸 수 없게 됩니다.',
    en: 'Name, limits and usage stay; the old secret is good for nothing from now on.',
  },
  async run([named], options) {
    const made = await withKeys(keys => keys.rotate(named!))
    const { name } = made.key
    await printSecret(made, { ko: `키를 바꿨습니다: ${name}`, en: `New secret: ${name}` }, options.json)
    return 0
  },
})
