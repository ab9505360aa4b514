import type { CommandGroup } from '../command.ts'
import { card } from './data/card.ts'
import { clean } from './data/clean.ts'
import { make } from './data/make.ts'
import { report } from './data/report.ts'

/** Everything about data before training, one file a command in `data/`. */
export const data: CommandGroup = {
  name: 'data',
  summary: { ko: '학습에 쓸 자료를 만들고 다듬습니다', en: 'make and prepare data for training' },
  commands: [clean, report, card, make],
}
