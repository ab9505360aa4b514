import { count, share, sum } from '../report/figures.ts'
import type { Text } from '../report/html.ts'
import { reasonText, stepWords } from '../report/words.ts'
import type { CardSource, DataCard } from './dataCard.ts'

/** What the dataset is, in a sentence or two. */
export function describe({ description, sources }: DataCard): Text {
  const [records, characters] = [sum(sources, source => source.records), sum(sources, source => source.characters)]
  const names = sources.map(({ name }) => name).join(', ')
  const own = description ? `${description} ` : ''
  return {
    ko: `${own}한국어 글. 레코드 ${count(records)}개, ${count(characters)}자. 출처: ${names}.`,
    en: `${own}Korean text: ${count(records)} records, ${count(characters)} characters. Sources: ${names}.`,
  }
}

export interface Limits {
  readonly biases: readonly Text[]
  readonly limitations: readonly Text[]
  readonly personal: readonly Text[]
}

// Above this part of all characters one source sets the tone.
const dominantShare = 0.3

/** What those who use the dataset should know, as far as counts and the steps of cleaning tell. */
export function limits(card: DataCard): Limits {
  return { biases: biases(card), limitations: limitations(card), personal: personal(card) }
}

function biases({ sources }: DataCard): Text[] {
  const characters = sum(sources, source => source.characters)
  const dominant = sources
    .filter(source => sources.length > 1 && source.characters > dominantShare * characters)
    .map(
      ({ name, characters: own }): Text => ({
        ko: `글자의 ${share(own, characters)}가 ${name}에서 왔습니다. 그 출처의 말투와 주제로 치우칩니다.`,
        en: `${share(own, characters)} of the characters come from ${name}: its tone and topics weigh most.`,
      }),
    )
  const foreign = sources
    .filter(({ hangul }) => hangul < 0.5)
    .map(
      ({ name, hangul }): Text => ({
        ko: `${name}: 글자 가운데 한글은 ${share(hangul, 1)}뿐입니다.`,
        en: `${name}: only ${share(hangul, 1)} of the letters are Hangul.`,
      }),
    )
  const synthetic = sources
    .filter(({ origin }) => origin.synthetic)
    .map(
      ({ name }): Text => ({
        ko: `${name}: 규칙으로 만들어 낸 문제이므로 말의 모양이 단조롭습니다.`,
        en: `${name}: made by rules, so its phrasing is monotonous.`,
      }),
    )
  const middle = medianLength(sources)
  return [
    ...dominant,
    ...foreign,
    ...synthetic,
    {
      ko: `레코드의 가운데 길이는 ${count(middle)}~${count(2 * middle - 1)}자입니다.`,
      en: `The median record has ${count(middle)} to ${count(2 * middle - 1)} characters.`,
    },
  ]
}

/** The power of two at or below the median length. */
function medianLength(sources: readonly CardSource[]): number {
  const half = sum(sources, source => source.records) / 2
  for (let bin = 0, passed = 0; ; bin++) {
    passed += sum(sources, source => source.lengths[bin] ?? 0)
    if (passed >= half) return 2 ** bin
  }
}

/** Steps that data is expected to have gone through, and that the card admits where it has not. */
const expectedSteps = ['language', 'quality', 'words', 'contamination', 'exactDuplicates', 'nearDuplicates'] as const

function limitations({ sources, cleaning }: DataCard): Text[] {
  const done = new Set(cleaning?.report.steps.map(({ name }) => name))
  const undone = expectedSteps.filter(name => !done.has(name)).map(name => stepWords[name].name)
  const licenses = new Set(sources.map(({ origin }) => origin.license))
  return [
    {
      ko: '글의 내용이 사실인지는 확인하지 않았습니다.',
      en: 'Whether what the texts say is true has not been checked.',
    },
    ...(cleaning ? [] : [{ ko: '다듬은 기록이 없습니다.', en: 'There is no record of how the data was cleaned.' }]),
    ...(cleaning && undone.length > 0
      ? [
          {
            ko: `거르지 않은 것: ${undone.map(({ ko }) => ko).join(', ')}.`,
            en: `Not filtered by: ${undone.map(({ en }) => en).join(', ')}.`,
          },
        ]
      : []),
    ...(done.has('words')
      ? [
          {
            ko: '나쁜 말은 낱말 목록으로 걸렀습니다. 돌려 말한 것은 남아 있을 수 있고, 멀쩡한 글이 빠졌을 수 있습니다.',
            en: 'Bad language was filtered by lists of words: some may remain, and harmless texts may be gone.',
          },
        ]
      : []),
    ...(licenses.size > 1
      ? [
          {
            ko: '출처마다 이용 허락이 다릅니다. 쓰기 전에 출처의 표를 보세요.',
            en: 'Licences differ between sources: see the table of sources before use.',
          },
        ]
      : []),
  ]
}

function personal({ sources, cleaning }: DataCard): Text[] {
  const step = cleaning?.report.steps.find(({ name }) => name === 'personalData')
  if (!step) {
    return [
      {
        ko: '개인정보를 찾아 가리지 않았습니다. 원래 글에 있던 것은 그대로 있을 수 있습니다.',
        en: 'Personal data was not looked for: what the texts held may still be there.',
      },
    ]
  }
  const kinds = Object.entries(step.found).map(([kind, found]) => ({ ...reasonText(kind), found: count(found) }))
  return [
    {
      ko: `가린 개인정보: ${kinds.map(({ ko, found }) => `${ko} ${found}`).join(', ') || '없음'}. 규칙으로 찾았으므로 놓친 것이 있을 수 있습니다.`,
      en: `Masked personal data: ${kinds.map(({ en, found }) => `${en} ${found}`).join(', ') || 'none'}. It was found by rules, which may have missed some.`,
    },
    { ko: '이름은 가리지 않았습니다.', en: 'Names were not masked.' },
    ...(cleaning?.command === 'modu train' &&
    sources.some(({ fields }) => fields.some(({ name }) => name === 'messages'))
      ? [{ ko: '대화에서는 개인정보를 찾지 않았습니다.', en: 'Conversations were not searched for it.' }]
      : []),
  ]
}
