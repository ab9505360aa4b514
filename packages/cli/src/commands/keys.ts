import type { CommandGroup } from '../command.ts'
import { create } from './keys/create.ts'
import { list } from './keys/list.ts'
import { revoke } from './keys/revoke.ts'
import { rotate } from './keys/rotate.ts'

/** Who may use the server, one file a command in `keys/`. */
export const keys: CommandGroup = {
  name: 'keys',
  summary: { ko: '서버를 쓸 수 있는 키를 만들고 관리합니다', en: 'make and manage the keys of the server' },
  commands: [create, list, revoke, rotate],
}
