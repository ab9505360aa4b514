import type { TaskKind } from '@modu/data'
import { defineCommand, oneOf, wholeNumber } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { language, localized, type Text } from '../../language.ts'

const koreanNames: Readonly<Record<TaskKind, string>> = {
  arithmetic: '계산',
  steps: '여러 단계 계산',
  word: '문장제',
  comparison: '비교',
  ordering: '순서',
  calendar: '달력',
  clock: '시계',
  units: '단위',
  counting: '세기',
  sequence: '수열',
  logic: '논리',
  particle: '조사',
  reading: '수 읽기',
  copying: '옮겨 쓰기',
  recall: '찾아 말하기',
  extraction: 'JSON 추출',
  tool: '도구 부르기',
}

export const make = defineCommand({
  name: 'make',
  summary: {
    ko: '정답을 확인할 수 있는 한국어 문제를 대화로 만듭니다',
    en: 'make Korean exercises whose answers can be checked, as conversations',
  },
  operands: [],
  options: {
    kinds: {
      value: 'KIND,…',
      help: { ko: '만들 종류 (기본값: 모두)', en: 'kinds to make (default: all)' },
    },
    count: { value: 'N', help: { ko: '모두 몇 개 (기본값: 1000)', en: 'how many in all (default: 1000)' } },
    seed: {
      value: 'N',
      help: {
        ko: '난수 씨앗. 같으면 같은 파일이 나옵니다 (기본값: 1)',
        en: 'the same seed makes the same file (default: 1)',
      },
    },
    split: {
      value: 'train|heldout',
      help: {
        ko: '학습용 또는 평가용. 두 쪽에 같은 질문은 없습니다 (기본값: train)',
        en: 'for training or evaluation; no question is in both (default: train)',
      },
    },
    thinking: {
      value: 'both|on|off',
      help: {
        ko: '풀이를 넣을지. both는 둘 가운데 하나에 넣습니다 (기본값: on)',
        en: 'with reasoning or without; both: every second one has it (default: on)',
      },
    },
    out: { value: 'FILE.jsonl', help: { ko: '쓸 파일 (필수)', en: 'the file to write (required)' } },
  },
  notes: {
    ko: [
      `종류: ${Object.entries(koreanNames)
        .map(([kind, name]) => `${kind}(${name})`)
        .join(', ')}`,
      '풀이가 있는 대화는 학습할 때 풀이가 있는 것과 없는 것 두 번 쓰입니다.',
    ].join('\n'),
    en: [
      `Kinds: ${Object.keys(koreanNames).join(', ')}`,
      'Training uses a conversation with reasoning twice, with it and without.',
    ].join('\n'),
  },
  async run(_, options) {
    const { makeConversations, taskKinds } = await import('@modu/data')
    const { writeFileAtomic } = await import('@modu/model')
    if (options.out === undefined) {
      throw new UsageError({ ko: '--out FILE.jsonl이 빠졌습니다.', en: '--out FILE.jsonl is missing.' })
    }
    const names = options.kinds?.split(',').map(name => name.trim())
    const kinds = names ? [...new Set(names.map(name => oneOf('kinds', name, taskKinds)!))] : taskKinds
    const totals = new Map(kinds.map(kind => [kind, { count: 0, reasoning: 0, characters: 0 }]))
    const made = makeConversations({
      kinds,
      count: wholeNumber('count', options.count, 1) ?? 1000,
      seed: wholeNumber('seed', options.seed, 0) ?? 1,
      split: oneOf('split', options.split, ['train', 'heldout']) ?? 'train',
      thinking: oneOf('thinking', options.thinking, ['both', 'on', 'off']) ?? 'on',
    })
    const lines = made.map(({ kind, conversation }) => {
      const line = `${JSON.stringify(conversation)}\n`
      const total = totals.get(kind)!
      total.count++
      total.characters += line.length
      if (conversation.messages.some(message => message.reasoning_content !== undefined)) total.reasoning++
      return Buffer.from(line)
    })
    writeFileAtomic(options.out, lines)
    process.stdout.write(`${report(totals)}\n${options.out}\n`)
    return 0
  },
})

interface Total {
  readonly count: number
  readonly reasoning: number
  readonly characters: number
}

/** One row a kind: how many conversations, how many of them with reasoning, and characters. */
function report(totals: ReadonlyMap<TaskKind, Total>): string {
  const heads: readonly Text[] = [
    { ko: '개수', en: 'count' },
    { ko: '풀이', en: 'reasoning' },
    { ko: '글자', en: 'characters' },
  ]
  const sum = [...totals.values()].reduce((a, b) => ({
    count: a.count + b.count,
    reasoning: a.reasoning + b.reasoning,
    characters: a.characters + b.characters,
  }))
  const row = (name: string, { count, reasoning, characters }: Total) =>
    wide(name, 24) + [count, reasoning, characters].map(number => number.toLocaleString('en-US').padStart(12)).join('')
  const head = wide('', 24) + heads.map(text => ' '.repeat(12 - columns(localized(text))) + localized(text)).join('')
  const label = (kind: TaskKind) => (language() === 'ko' ? `${kind} ${koreanNames[kind]}` : kind)
  const rows = [...totals].map(([kind, total]) => row(label(kind), total))
  return `${[head, ...rows, row(localized({ ko: '합계', en: 'total' }), sum)].join('\n')}\n`
}

/** Columns at a terminal, where a Hangul syllable takes two. */
const columns = (text: string): number => text.length + (text.match(/[가-힣]/g)?.length ?? 0)
const wide = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - columns(text)))
