import { cpus } from 'node:os'
import type { Source } from '@modu/data'
import { type ChatModel, countParams } from '@modu/model'
import type { Metrics, StepMetrics, ValidationMetrics } from './metrics.ts'
import { type Recipe, type StageName, stageNames, usedSources } from './recipe.ts'
import type { Start } from './start.ts'

/** What a model is asked for its card: twenty questions, fixed before any model was trained, so that nothing is picked. */
const cardQuestions: readonly { readonly question: string; readonly thinking?: boolean }[] = [
  { question: '안녕!' },
  { question: '너는 누구야?' },
  { question: '뭘 할 수 있어?' },
  { question: '대한민국의 수도는 어디야?' },
  { question: '한글은 누가 만들었어?' },
  { question: '하늘은 왜 파란색이야?' },
  { question: '김치찌개는 어떻게 끓여?' },
  { question: '요즘 너무 피곤해.' },
  { question: '오늘 점심 뭐 먹을까?' },
  { question: '친구와 다퉜는데 어떻게 화해하지?' },
  { question: '짧은 시를 하나 써 줘.' },
  { question: '회의 일정을 바꾸자는 문자를 써 줘.' },
  { question: '영어 단어 apple의 뜻이 뭐야?' },
  { question: '거북이와 토끼 이야기를 해 줘.' },
  { question: '잠이 안 올 때는 어떻게 해?' },
  { question: '100년 뒤의 세상은 어떨까?' },
  { question: '사과 3개에 2개를 더하면 몇 개야?', thinking: true },
  { question: '연필 12자루를 4명이 똑같이 나누면 한 명이 몇 자루야?', thinking: true },
  { question: '7 곱하기 8은?', thinking: true },
  { question: '어제가 월요일이면 내일은 무슨 요일이야?', thinking: true },
]

/** Answers on the card are cut after so many events, which are about as many tokens. */
const longestAnswer = 160

export interface CardAnswer {
  readonly question: string
  readonly reasoning: string
  readonly answer: string
}

/** The model's answers to the card's questions, one try each, sampled as its generation_config.json suggests. */
export async function answerCardQuestions(chat: ChatModel, seed: number): Promise<CardAnswer[]> {
  const answers: CardAnswer[] = []
  for (const { question, thinking } of cardQuestions) {
    const request = { seed, enableThinking: thinking ?? false }
    let reasoning = ''
    let answer = ''
    let events = 0
    for await (const event of chat.chat([{ role: 'user', content: question }], request)) {
      if (++events > longestAnswer) break
      if (event.type === 'reasoning') reasoning += event.text
      if (event.type === 'text') answer += event.text
      if (event.type === 'toolCall') answer += `<tool_call>${JSON.stringify(event)}</tool_call>`
    }
    answers.push({ question, reasoning, answer })
  }
  return answers
}

export interface CardFacts {
  readonly recipe: Recipe
  /** What was typed to train it. */
  readonly command: string
  /** The checkpoint that training began with, if not with random weights. */
  readonly start?: Pick<Start, 'folder'> | undefined
  readonly metrics: readonly Metrics[]
  /** Name of the loss plot beside the card. */
  readonly plot: string
  readonly chat: ChatModel
  readonly answers: readonly CardAnswer[]
}

/** The model card (README.md with Hugging Face's front matter): how the model was made, how good it is, what it says. */
export function modelCard({ recipe, command, start, metrics, plot, chat, answers }: CardFacts): string {
  const { config } = chat.model
  const family = families[config.modelType]
  const count = countParams(config)
  const millions = (n: number) => `${(n / 1e6).toFixed(1)}M`
  const quote = (text: string) => text.trim().replaceAll('\n', '\n> ') || '(빈 답)'
  const sources = Object.entries(usedSources(recipe))
    .map(([name, source]) => `| ${name} | ${originOf(source)} | ${source.license} |`)
    .join('\n')
  const asked = answers
    .map(({ question, reasoning, answer }, i) => {
      const thought = reasoning ? `> *(생각)* ${quote(reasoning)}\n>\n` : ''
      return `${i + 1}. **${question}**\n\n${`${thought}> ${quote(answer)}`.replace(/^/gm, '   ')}`
    })
    .join('\n\n')
  return `---
license: ${start ? 'other' : 'apache-2.0'}
language:
- ko
pipeline_tag: text-generation
tags:
- ${config.modelType}
- modu
---

# ${recipe.name}

${recipe.description}

${start ? continued(start.folder, family) : fromScratch(family)}

## 할 수 있는 것과 없는 것

인사, 일상 대화, 학습 자료에 있던 쉬운 질문에 짧은 한국어로 답합니다. 지식과 계산은 자주 틀리고, 길거나 낯선 부탁은 엉뚱하게 답합니다.
사실 확인, 의료, 법률, 안전에 관한 일에는 쓰지 마세요. 아래 스무 개의 답은 고르지 않고 그대로 실은 것입니다.

## 만든 방법

\`\`\`
${command}
\`\`\`

${madeOf(metrics)}

| 항목 | 값 |
| --- | --- |
| 구조 | ${config.modelType} |
| 매개변수 | ${millions(count.total)} (토큰마다 ${millions(count.active)} 사용) |
| 어휘 | ${config.vocabSize} |
| 문맥 | ${chat.contextLength} 토큰 |

## 자료와 이용 허락

| 이름 | 파일 | 이용 허락 |
| --- | --- | --- |
${sources}

## 학습 곡선

![학습 곡선](${plot})

${validationTable(metrics)}
${accuracyTable(metrics)}
## 고르지 않은 답 ${answers.length}개

\`generation_config.json\`의 설정과 시드 ${recipe.seed}로 한 번씩만 물었습니다.

${asked}
`
}

const families = { axk1: 'A.X K1', llama: 'Llama', qwen3: 'Qwen3' } as const
type Family = (typeof families)[keyof typeof families]

const fromScratch = (family: Family): string =>
  `이 저장소의 코드가 아래 자료로 처음부터 학습시킨 ${family} 구조의 작은 한국어 모델입니다. SK텔레콤의 A.X K1 가중치에서 나온 것이 아니며,
SK텔레콤과 관계가 없습니다.

*English: a small Korean model of the ${family} architecture, trained from scratch by this repository's code on the data
below. It is independent of SK Telecom and contains none of its weights. It is small: it chats in simple Korean and is
often wrong; do not rely on it for facts.*`

const continued = (folder: string, family: Family): string =>
  `\`${folder}\`의 모델(${family} 구조)을 이 저장소의 코드가 아래 자료로 이어서 학습시킨 것입니다. 처음 모델의 이용 허락도 함께 따릅니다.

*English: the model of \`${folder}\` (${family} architecture), trained further by this repository's code on the data below.
The licence of that model applies too. Do not rely on it for facts.*`

/** Where the documents of a source come from. */
const originOf = ({ files, kinds = [], count = 0 }: Source): string =>
  files.length > 0
    ? files.map(file => `\`${file}\``).join(', ')
    : `만든 연습 문제 ${count.toLocaleString('en')}개 (${kinds.join(', ')})`

/** Tokens, time and speed of the stages, and the processor. */
function madeOf(metrics: readonly Metrics[]): string {
  const steps = metrics.filter((m): m is StepMetrics => m.kind === 'step')
  const tokens = (stage: StageName) => steps.reduce((sum, step) => sum + (step.stage === stage ? step.tokens : 0), 0)
  const minutes = Math.round((steps.at(-1)?.seconds ?? 0) / 60)
  const processor = cpus()[0]?.model.trim() ?? '알 수 없는 프로세서'
  const parts = stageNames.flatMap(stage => {
    const trained = tokens(stage)
    return trained > 0 ? [`${names[stage]} ${trained.toLocaleString('en')} 토큰`] : []
  })
  return `${parts.join(', ')}. 학습 시간 ${minutes}분 (${processor}).`
}

const names: Readonly<Record<StageName, string>> = {
  pretrain: '사전 학습',
  finetune: '대화 학습',
  reinforce: '강화 학습',
}

const validationsOf = (metrics: readonly Metrics[], stage: StageName): ValidationMetrics[] =>
  metrics.filter((m): m is ValidationMetrics => m.kind === 'validation' && m.stage === stage)

/** The last validation of each stage, in bits per byte. */
function validationTable(metrics: readonly Metrics[]): string {
  const columns = stageNames.flatMap(stage => {
    const bits = validationsOf(metrics, stage).at(-1)?.bitsPerByte ?? {}
    return Object.keys(bits).length > 0 ? [{ name: names[stage], bits }] : []
  })
  const rows = [...new Set(columns.flatMap(({ bits }) => Object.keys(bits)))]
    .map(name => `| ${name} |${columns.map(({ bits }) => ` ${bits[name]?.toFixed(3) ?? '–'} |`).join('')}`)
    .join('\n')
  return `학습에 쓰지 않은 자료의 비트/바이트(낮을수록 좋음). 대화 학습 뒤의 값은 어시스턴트의 말만 셉니다.

| 자료 |${columns.map(({ name }) => ` ${name} 뒤 |`).join('')}
| --- |${columns.map(() => ' --- |').join('')}
${rows}
`
}

/** How often held-out exercises were answered rightly at the first and the last validation of reinforcement. */
function accuracyTable(metrics: readonly Metrics[]): string {
  const accuracies = validationsOf(metrics, 'reinforce').flatMap(({ accuracy }) => (accuracy ? [accuracy] : []))
  const [first, last] = [accuracies[0], accuracies.at(-1)]
  if (!first || !last) return ''
  const percent = (share: number | undefined) => (share === undefined ? '–' : `${(100 * share).toFixed(0)}%`)
  const modes: Readonly<Record<string, string>> = { thinking: '생각하고', direct: '바로' }
  const rows = Object.keys(last).map(
    mode => `| ${modes[mode] ?? mode} | ${percent(first[mode])} | ${percent(last[mode])} |`,
  )
  return `
학습에 쓰지 않은 연습 문제의 정답률.

| 답하는 방식 | 강화 학습 앞 | 강화 학습 뒤 |
| --- | --- | --- |
${rows.join('\n')}
`
}
