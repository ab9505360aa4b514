import type { Key, Keys, NewKey } from '@modu/serve'
import { localized, type Text } from '../../language.ts'

/** Does something with the keys of this machine's database, and closes it. */
export async function withKeys<T>(work: (keys: Keys) => Promise<T>): Promise<T> {
  const { Keys, openDatabase } = await import('@modu/serve')
  const database = await openDatabase()
  try {
    return await work(new Keys(database))
  } finally {
    await database.close()
  }
}

export const jsonOption = { help: { ko: '결과를 JSON으로 출력합니다', en: 'print the result as JSON' } } as const

/** The operand of commands about one key. */
export const keyOperand = {
  name: 'KEY',
  help: { ko: '키의 ID나 이름 (modu keys list)', en: "the key's id or name (modu keys list)" },
} as const

/** Prints a secret, which is the only time that anyone sees it. */
export async function printSecret({ key, secret }: NewKey, title: Text, json: boolean): Promise<void> {
  const { newKeyBody } = await import('@modu/serve')
  const once = localized({
    ko: '지금 옮겨 적어 두세요. 저장되는 것은 해시뿐이어서 다시 보여 드릴 수 없습니다.',
    en: 'Copy it now: only its hash is stored, so it cannot be shown again.',
  })
  process.stdout.write(
    json
      ? `${JSON.stringify(newKeyBody({ key, secret }), undefined, 2)}\n`
      : `${localized(title)} (${key.id})\n\n  ${secret}\n\n${once}\n`,
  )
}

/** Which of its states a key is in now. */
export function stateOf(key: Key): Text {
  if (key.revokedAt !== null) return { ko: '폐기됨', en: 'revoked' }
  if (key.expiresAt !== null && key.expiresAt <= Date.now()) return { ko: '만료됨', en: 'expired' }
  return { ko: '사용 중', en: 'in use' }
}
