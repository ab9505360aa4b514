import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask, Task } from '../task.ts'
import { saysChoice } from '../verify.ts'
import { people, someWords } from '../words.ts'

/** What somebody does with something: in a statement, asked for the thing, and asked for the person. */
const doings = [
  ['을/를 샀어요', '무엇을 샀어요', '을/를 산 사람'],
  ['을/를 가져왔어요', '무엇을 가져왔어요', '을/를 가져온 사람'],
  ['을/를 골랐어요', '무엇을 골랐어요', '을/를 고른 사람'],
  ['을/를 좋아해요', '무엇을 좋아해요', '을/를 좋아하는 사람'],
  ['을/를 그렸어요', '무엇을 그렸어요', '을/를 그린 사람'],
  ['을/를 잃어버렸어요', '무엇을 잃어버렸어요', '을/를 잃어버린 사람'],
] as const

/** Who has what. */
const pairs: MakeTask = random => {
  const count = between(random, 2, 6)
  const [names, items] = [sample(random, people, count), someWords(random, count)]
  const [does, what, who] = pick(random, doings)
  const at = random.integer(count)
  const [name, item] = [names[at]!, items[at]!]
  const facts = names.map((one, i) => `${one}은/는 ${items[i]}${does}.`).join(' ')
  const takes = (thing: string) => `${name}은/는 ${thing}${does}.`
  const reasoning = `"${takes(item)}" 하고 쓰여 있다.`
  if (random.integer(2) === 0) {
    const question = pick(random, [`${facts} ${name}은/는 ${what}?`, `${name}은/는 ${what}? ${facts}`])
    return task(random, question, reasoning, takes, item, items)
  }
  return task(random, `${facts} ${item}${who}은 누구예요?`, reasoning, itIs, name, names)
}

/** A table of names and values. */
const table: MakeTask = random => {
  const count = between(random, 2, 6)
  const [keys, values] = [someWords(random, count), someWords(random, count)]
  if (new Set([...keys, ...values]).size < 2 * count) return table(random)
  const at = random.integer(count)
  const [key, value] = [keys[at]!, values[at]!]
  const lines = keys.map((one, i) => `${one}: ${values[i]}`).join(pick(random, ['\n', ', ']))
  const question = pick(random, [`${lines}\n\n${key}에 적힌 것은?`, `다음에서 ${key} 옆에 있는 말은 뭐야?\n\n${lines}`])
  return task(random, question, `${key}: ${value}.`, itIs, value, values)
}

const ordinals = ['첫', '두', '세', '네', '다섯', '여섯', '일곱'] as const

/** What stands at a place of a list. */
const place: MakeTask = random => {
  const words = someWords(random, between(random, 3, 7))
  const at = random.integer(words.length)
  const list = words.join(', ')
  const word = words[at]!
  const forms: (readonly [question: string, reasoning: string])[] = [
    [
      `${list}. 여기서 ${ordinals[at]} 번째 말은 뭐예요?`,
      `${words
        .slice(0, at + 1)
        .map((one, i) => `${i + 1} ${one}`)
        .join(', ')}.`,
    ],
  ]
  if (at > 0) forms.push([`${list}. ${words[at - 1]} 바로 다음에 오는 말은?`, `${words[at - 1]}, ${word}.`])
  if (at < words.length - 1)
    forms.push([`${list}. ${words[at + 1]} 바로 앞에 있는 말은?`, `${word}, ${words[at + 1]}.`])
  if (at === words.length - 1) forms.push([`${list}. 맨 끝에 있는 말은 뭐야?`, `끝은 ${word}이다.`])
  const [question, reasoning] = pick(random, forms)
  return task(random, question, reasoning, itIs, word, words)
}

/** Whether a list has a word. */
const member: MakeTask = random => {
  const words = someWords(random, between(random, 4, 8))
  const isThere = random.integer(2) === 0
  const list = isThere ? words.slice(0, -1) : words.slice(1)
  const word = isThere ? pick(random, list) : words[0]!
  const question = pick(random, [
    `${list.join(', ')}. 이 가운데 ${word}이/가 있어요?`,
    `장바구니: ${list.join(', ')}. ${word}도 들어 있어?`,
  ])
  const [yes, no] = [`네, ${word}이/가 있어요.`, `아니요, ${word}은/는 없어요.`].map(fitParticles) as [string, string]
  return {
    question: fitParticles(question),
    reasoning: fitParticles(isThere ? `${word}이/가 보인다.` : `${list.join(', ')}뿐이다.`),
    answer: isThere ? yes : no,
    wrong: isThere ? no : yes,
    verify: saysChoice(isThere ? '있어요' : '없어요', ['있어요', '없어요']),
  }
}

const itIs = (word: string): string => `${word}이에요/예요.`

/** The answer says `right`, the wrong one another of `choices`. */
function task(
  random: Random,
  question: string,
  reasoning: string,
  say: (choice: string) => string,
  right: string,
  choices: readonly string[],
): Task {
  const others = choices.filter(choice => choice !== right)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(reasoning),
    answer: fitParticles(say(right)),
    wrong: fitParticles(say(pick(random, others))),
    verify: saysChoice(right, choices),
  }
}

/** Answers that stand in the question: who has what, what stands where. */
export const recall: MakeTask = random => pick(random, [pairs, pairs, table, place, member])(random)
