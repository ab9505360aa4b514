import type { ChatModel } from '@modu/model'
import { ask, type Reply } from './answer.ts'
import { bootstrap, meanAt, sumAt } from './bootstrap.ts'
import type { EvalOptions, Result } from './result.ts'

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

/** A prompt and what the model replied. */
export type Answer = Reply & { readonly prompt: string }

const maxTokens = 200

/**
 * Has the model answer `prompts` once each (as its generation configuration says, thinking off; models without a chat
 * template go on with the text), and measures form, not content: share of answers that repeat themselves, share of
 * letters that are not Hangul, share of answers that end by themselves within 200 tokens.
 */
export async function generation(
  chat: ChatModel,
  source: string,
  prompts: readonly string[],
  { seed, onProgress }: EvalOptions,
): Promise<{ results: Result[]; answers: Answer[] }> {
  const answers: Answer[] = []
  for (const prompt of prompts) {
    answers.push({ prompt, ...(await ask(chat, prompt, { seed, maxTokens, thinking: false })) })
    onProgress?.({ source, done: answers.length, total: prompts.length })
  }
  const letters = answers.map(({ answer }) => countLetters(answer))
  const result = (metric: Result['metric'], statistic: (items: Int32Array) => number): Result => ({
    metric,
    source,
    ...bootstrap(answers.length, statistic, seed),
    items: answers.length,
    baselines: [],
  })
  const repeated = answers.map(({ answer }) => Number(repeatsItself(answer)))
  const ended = answers.map(answer => Number(answer.ended))
  const all = letters.map(count => count.all)
  const foreign = letters.map(count => count.foreign)
  return {
    results: [
      result('repetition', items => meanAt(repeated, items)),
      result('foreignLetters', items => sumAt(foreign, items) / Math.max(1, sumAt(all, items))),
      result('ended', items => meanAt(ended, items)),
    ],
    answers,
  }
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
