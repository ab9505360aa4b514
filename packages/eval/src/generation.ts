import type { ChatMessage, ChatModel, ToolDefinition } from '@modu/model'
import { ask, type Reply } from './answer.ts'
import { bootstrap, sumAt } from './bootstrap.ts'
import type { EvalOptions, Result } from './result.ts'
import { share } from './share.ts'

/** What is asked where no file of prompts is given: first words, facts, sums, stories, lists, help. */
export const builtInPrompts: readonly string[] = [
  '안녕!',
  '너는 누구야?',
  '대한민국의 수도는 어디야?',
  '오늘 기분이 안 좋아.',
  '3 더하기 5는 얼마야?',
  '짧은 이야기 하나 해 줘.',
  '봄에 피는 꽃을 세 가지만 알려 줘.',
  '김치볶음밥은 어떻게 만들어?',
  '하늘은 왜 파란색이야?',
  '친구에게 보낼 생일 축하 메시지를 써 줘.',
  '잠이 안 올 때 어떻게 하면 좋을까?',
  '회의를 미루자는 정중한 메일을 써 줘.',
]

/** What is asked of the model, before its first word. */
export interface Prompt {
  readonly messages: readonly ChatMessage[]
  readonly tools?: readonly ToolDefinition[]
}

/** A prompt and what the model replied. */
export interface Answer extends Pick<Prompt, 'messages'>, Reply {
  /** The name of the prompts. */
  readonly source: string
}

const maxTokens = 200

/** A question without anything before it. */
export const question = (content: string): Prompt => ({ messages: [{ role: 'user', content }] })

/** Has the model answer each prompt once, as its generation configuration says, thinking off. */
export async function answer(
  chat: ChatModel,
  source: string,
  prompts: readonly Prompt[],
  { seed, onProgress }: EvalOptions,
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const { messages, tools } of prompts) {
    const reply = await ask(chat, messages, { seed, maxTokens, thinking: false, tools })
    answers.push({ source, messages, ...reply })
    onProgress?.({ source, done: answers.length, total: prompts.length })
  }
  return answers
}

/**
 * The form of answers, not their content: share of those that repeat themselves, share of letters that are not Hangul,
 * share of those that end by themselves within 200 tokens.
 */
export function form(source: string, answers: readonly Answer[], options: EvalOptions): Result[] {
  const letters = answers.map(({ answer }) => countLetters(answer))
  const [all, foreign] = [letters.map(count => count.all), letters.map(count => count.foreign)]
  const foreignShare = (items: Int32Array) => sumAt(foreign, items) / Math.max(1, sumAt(all, items))
  const items = answers.length
  if (items === 0) return []
  return [
    ...share(
      'repetition',
      source,
      answers.map(({ answer }) => repeatsItself(answer)),
      options,
    ),
    { metric: 'foreignLetters', source, ...bootstrap(items, foreignShare, options.seed), items, baselines: [] },
    ...share(
      'ended',
      source,
      answers.map(({ ended }) => ended),
      options,
    ),
  ]
}

/** Whether four words in a row come more than three times. */
export function repeatsItself(text: string): boolean {
  const words = text.split(/\s+/).filter(word => word !== '')
  const counts = new Map<string, number>()
  for (let i = 0; i + 4 <= words.length; i++) {
    const four = words.slice(i, i + 4).join(' ')
    const count = (counts.get(four) ?? 0) + 1
    if (count > 3) return true
    counts.set(four, count)
  }
  return false
}

/** Letters of any script, and those among them that are not Hangul. */
export function countLetters(text: string): { all: number; foreign: number } {
  const letters = text.match(/\p{L}/gu) ?? []
  return { all: letters.length, foreign: letters.filter(letter => !/\p{Script=Hangul}/u.test(letter)).length }
}
