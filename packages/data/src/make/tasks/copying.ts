import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask, Task } from '../task.ts'
import { spoken } from '../verify.ts'
import { people, someWords } from '../words.ts'

/** Whether the reply is this text, whatever quotes, full stops and spaces stand around it. */
const saysText = (text: string) => (reply: string) => bare(spoken(reply)) === bare(text)
const bare = (text: string) => text.replaceAll(/["'“”‘’.\s]/g, '')

/** A text with gaps where `word` stands: a sentence, or words in a row, some of them more than once. */
function gapped(random: Random): { text: string; word: string } {
  const [word, b, c] = someWords(random, 3) as [string, string, string]
  const [one, other] = sample(random, people, 2) as [string, string]
  const words = repeated(random)
  const row = words.map(each => (each === words[0] ? '%' : each))
  const [text, gap] = pick(random, [
    [`${one}은/는 %을/를 들고 ${b} 앞에서 ${other}을/를 기다렸다.`, word],
    [`${b}은/는 %보다 작고 ${c}보다 크다.`, word],
    [`${one}이/가 ${other}에게 ${b}을/를 주었고, ${other}은/는 %을/를 주었다.`, word],
    [`어제는 ${b}, 오늘은 %, 내일은 ${c}.`, word],
    [`% 옆에 ${b}이/가 있고 그 위에 ${c}이/가 있다.`, word],
    [row.join(' '), words[0]!],
    [row.join(', '), words[0]!],
  ] as const)
  return { text, word: gap }
}

const filled = (text: string, word: string): string => fitParticles(text.replaceAll('%', word))

function repeated(random: Random): string[] {
  const words = someWords(random, between(random, 2, 5))
  return Array.from({ length: between(random, 3, 9) }, () => pick(random, words))
}

const whole: MakeTask = random => {
  const gaps = gapped(random)
  const text = filled(gaps.text, gaps.word)
  const question = pick(random, [
    `다음 말을 그대로 따라 써 줘. ${text}`,
    `이 글을 그대로 옮겨 써 주세요: ${text}`,
    `${text}\n\n위의 글을 한 글자도 바꾸지 말고 써 줘.`,
    `따라 말해 보세요. "${text}"`,
  ])
  return task(question, '글자를 그대로 옮긴다.', text, changed(random, text))
}

const replaced: MakeTask = random => {
  const { text, word } = gapped(random)
  const [to] = someWords(random, 1) as [string]
  const [before, after] = [filled(text, word), filled(text, to)]
  if (before.includes(to)) return replaced(random)
  const question = pick(random, [
    `다음 글에서 '${word}'을/를 '${to}'으로/로 바꿔서 써 줘. ${before}`,
    `"${before}"에서 '${word}' 대신 '${to}'을/를 써 주세요.`,
  ])
  return task(question, `'${word}'을/를 '${to}'으로/로 바꾼다.`, after, before)
}

const listed: MakeTask = random => {
  const words = someWords(random, between(random, 3, 7))
  const left = pick(random, words)
  const list = words.join(', ')
  const forms: readonly (readonly [question: string, reasoning: string, answer: string])[] = [
    [
      `다음 낱말을 한 줄에 하나씩 써 줘: ${list}`,
      `낱말은 ${words.length}개이다.`,
      words.map(word => `- ${word}`).join('\n'),
    ],
    [`다음 낱말을 거꾸로 늘어놓아 줘: ${list}`, `끝에 있는 ${words.at(-1)}부터 쓴다.`, words.toReversed().join(', ')],
    [
      `${list}. 여기서 '${left}'을/를 빼고 다시 써 주세요.`,
      `'${left}'을/를 뺀다.`,
      words.filter(word => word !== left).join(', '),
    ],
    [`${words.join(' ')}\n\n낱말 사이에 쉼표를 넣어 써 줘.`, '쉼표를 넣는다.', list],
  ]
  return task(...pick(random, forms), sample(random, words, words.length - 2).join(', '))
}

/** One syllable of the text is another. */
function changed(random: Random, text: string): string {
  const places = [...text.matchAll(/[가-힣]/g)].map(({ index }) => index)
  const at = pick(random, places)
  return text.slice(0, at) + (text[at] === '나' ? '가' : '나') + text.slice(at + 1)
}

const task = (question: string, reasoning: string, answer: string, wrong: string): Task => ({
  question: fitParticles(question),
  reasoning: fitParticles(reasoning),
  answer,
  wrong,
  verify: saysText(answer),
})

/** Texts and lists copied, whole or with one thing changed: what a model needs to keep to what was said. */
export const copying: MakeTask = random => pick(random, [whole, whole, replaced, listed])(random)
