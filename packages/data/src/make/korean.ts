/** What Korean asks of generated text: particles that fit the sound before them, and numbers as they are read. */

const digitNames = ['영', '일', '이', '삼', '사', '오', '육', '칠', '팔', '구']
const smallUnits = ['', '십', '백', '천']
const largeUnits = ['', '만', '억', '조', '경']

/** Latin letters as they are spelt out. */
const letterNames: Readonly<Record<string, string>> = Object.fromEntries(
  '에이 비 씨 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 알 에스 티 유 브이 더블유 엑스 와이 제트'
    .split(' ')
    .map((name, i) => [String.fromCharCode(97 + i), name]),
)

/** Signs and units as they are read; a Latin one counts where it is a word of its own. */
const unitNames: Readonly<Record<string, string>> = {
  '%': '퍼센트',
  '℃': '도',
  '°': '도',
  mm: '밀리미터',
  cm: '센티미터',
  m: '미터',
  km: '킬로미터',
  mg: '밀리그램',
  g: '그램',
  kg: '킬로그램',
  t: '톤',
  mL: '밀리리터',
  L: '리터',
}

/** Four digits, without the 일 that nobody says: 1234 is 천이백삼십사. */
function readGroup(group: number): string {
  let text = ''
  for (let place = 3; place >= 0; place--) {
    const digit = Math.floor(group / 10 ** place) % 10
    if (digit > 0) text += (digit === 1 && place > 0 ? '' : digitNames[digit]!) + smallUnits[place]!
  }
  return text
}

/**
 * A whole number from 0 to below 10²⁰ in Sino-Korean, with a space after every 만 unit as the spelling rules ask:
 * 35200 is 삼만 오천이백. 10000 alone is 만, but 1억 1만 is 일억 일만.
 */
export function readSino(number: number | bigint): string {
  let rest = BigInt(number)
  if (rest < 0n || rest >= 10n ** 20n) throw new RangeError(`${number} is not from 0 to below 10^20`)
  if (rest === 0n) return '영'
  const parts: string[] = []
  for (let unit = 0; rest > 0n; unit++, rest /= 10000n) {
    const group = Number(rest % 10000n)
    if (group === 0) continue
    const isLeadingMan = unit === 1 && group === 1 && rest < 10000n
    parts.unshift((isLeadingMan ? '' : readGroup(group)) + largeUnits[unit]!)
  }
  return parts.join(' ')
}

const nativeTens = ['', '열', '스물', '서른', '마흔', '쉰', '예순', '일흔', '여든', '아흔']
const nativeOnes = ['', '하나', '둘', '셋', '넷', '다섯', '여섯', '일곱', '여덟', '아홉']

/** A whole number from 1 to 99 in native Korean: 21 is 스물하나. */
export function readNative(number: number): string {
  if (!Number.isInteger(number) || number < 1 || number > 99) throw new RangeError(`${number} is not from 1 to 99`)
  return nativeTens[Math.floor(number / 10)]! + nativeOnes[number % 10]!
}

/** The native number as it stands before a counter: 한, 두, 세, 네, 스무, 스물한. */
function readModifier(number: number): string {
  if (number === 20) return '스무'
  return readNative(number).replace(/하나$/, '한').replace(/둘$/, '두').replace(/셋$/, '세').replace(/넷$/, '네')
}

/** Counters that native numbers go with; all others (분, 초, 원, 층, 년 …) take Sino-Korean ones. */
const nativeCounters = new Set(
  '개 명 살 시 시간 마리 권 장 자루 대 송이 그루 켤레 잔 병 번 사람 가지 달 봉지 상자 접시 조각 채'.split(' '),
)

/** A number with its counter, read aloud: 세 개, 스무 살, 열두 시, 삼십 분. From 100 on, and for 0, Sino-Korean. */
export function readCount(number: number, counter: string): string {
  const isNative = nativeCounters.has(counter) && number >= 1 && number <= 99
  return `${isNative ? readModifier(number) : readSino(number)} ${counter}`
}

/** Money read aloud: 12500 is 만 이천오백 원. */
export const readWon = (amount: number): string => readCount(amount, '원')

/** Digits with commas: 12,500. */
export const withCommas = (number: number): string => number.toLocaleString('en-US')

/** How a Latin word probably ends when Koreans say it: the Hangul of the last sound, as far as the spelling tells. */
function soundOfLatin(word: string): string {
  if (word === word.toUpperCase()) return letterNames[word.at(-1)!.toLowerCase()]!
  const lower = word.toLowerCase()
  if (/(l|le)$/.test(lower)) return '를' // Google, Apple, file
  if (/([mn]e?|ng)$/.test(lower)) return '은' // team, phone, game, ping
  if (/(^|[^aeiou])[aeiou]([bkct]|pp?)$|ook$|ck$/.test(lower)) return '읍' // app, book, Mac, net, web
  return '으'
}

/** The part of `text` that is heard last, in Hangul: 3 is 삼, kg behind a number is 킬로그램. */
function lastSound(text: string): string {
  const heard = text.replace(/(?<=\p{L})\([^()]*\)$/u, '').replace(/["'’”)\]」』》〉>.,!?\s]+$/u, '')
  const unit = /(?<![a-zA-Z])([a-zA-Z]+|[%℃°])$/.exec(heard)?.[1]
  if (unit && unitNames[unit]) return unitNames[unit]
  const digits = /(\d[\d,]*)(\.\d+)?$/.exec(heard)
  if (digits?.[2]) return digitNames[Number(digits[2].at(-1))]!
  if (digits) return readTrailingNumber(digits[1]!.replaceAll(',', ''))
  const latin = /[a-zA-Z]+$/.exec(heard)
  if (latin) return soundOfLatin(latin[0])
  return heard
}

/** Long digit strings (telephone numbers, codes) are read digit by digit, and so are those with a leading zero. */
const readTrailingNumber = (digits: string): string =>
  digits.length > 20 || (digits.length > 1 && digits.startsWith('0'))
    ? digitNames[Number(digits.at(-1))]!
    : readSino(BigInt(digits))

/** The final consonant that is heard at the end of `text`: none, ㄹ (which 로 follows directly), or another. */
export function finalSound(text: string): 'none' | 'rieul' | 'other' {
  const code = lastSound(text).charCodeAt(lastSound(text).length - 1) - 0xac00
  if (!(code >= 0 && code < 11172)) return 'none'
  const final = code % 28
  return final === 0 ? 'none' : final === 8 ? 'rieul' : 'other'
}

/** Particles and endings that change: the form after a consonant, then the one after a vowel. */
const pairs = ['은/는', '이/가', '을/를', '과/와', '으로/로', '이에요/예요', '이야/야', '이고/고'] as const
export type Particle = (typeof pairs)[number]

/** The form of `particle` that fits behind `word`. */
export function particleFor(word: string, particle: Particle): string {
  const [afterConsonant, afterVowel] = particle.split('/') as [string, string]
  const sound = finalSound(word)
  const isOpen = sound === 'none' || (particle === '으로/로' && sound === 'rieul')
  return isOpen ? afterVowel : afterConsonant
}

const marker = new RegExp(pairs.map(pair => pair.replace('/', '\\/')).join('|'), 'g')

/** Chooses every particle written as a pair, by the word before it: `사과을/를 3개` becomes `사과를 3개`. */
export const fitParticles = (text: string): string =>
  text.replace(marker, (pair, at: number) => particleFor(text.slice(0, at), pair as Particle))
