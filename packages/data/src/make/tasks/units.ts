import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber, spoken } from '../verify.ts'

interface Unit {
  readonly sign: string
  readonly name: string
  /** How many of the smallest unit of its family it is. */
  readonly size: number
}

const families: readonly (readonly Unit[])[] = [
  [
    { sign: 'mm', name: '밀리미터', size: 1 },
    { sign: 'cm', name: '센티미터', size: 10 },
    { sign: 'm', name: '미터', size: 1000 },
    { sign: 'km', name: '킬로미터', size: 1_000_000 },
  ],
  [
    { sign: 'g', name: '그램', size: 1 },
    { sign: 'kg', name: '킬로그램', size: 1000 },
    { sign: 't', name: '톤', size: 1_000_000 },
  ],
  [
    { sign: 'mL', name: '밀리리터', size: 1 },
    { sign: 'L', name: '리터', size: 1000 },
  ],
  [
    { sign: '초', name: '초', size: 1 },
    { sign: '분', name: '분', size: 60 },
    { sign: '시간', name: '시간', size: 3600 },
  ],
  [
    { sign: '일', name: '일', size: 1 },
    { sign: '주', name: '주', size: 7 },
  ],
]

/** The value said last is `value`, in `unit` if a unit stands behind it. */
function saysQuantity(value: number, unit: Unit): (reply: string) => boolean {
  return reply => {
    const behind = /\d ?([a-zA-Z]+|[가-힣]+)[^\d]*$/.exec(spoken(reply))?.[1]
    const said = families.flat().find(({ sign, name }) => {
      return behind?.toLowerCase() === sign.toLowerCase() || behind?.startsWith(name)
    })
    return saysNumber(value)(reply) && (said === undefined || said === unit)
  }
}

/** The question for how many of `unit`; 몇 일 is written 며칠. */
const howMany = (unit: string): string => (unit === '일' ? '며칠' : `몇 ${unit}`)

/** Two neighbours of a family. */
function twoUnits(random: Random): [small: Unit, large: Unit] {
  const family = pick(random, families)
  const at = random.integer(family.length - 1)
  return [family[at]!, family[at + 1]!]
}

const converted: MakeTask = random => {
  const [small, large] = twoUnits(random)
  const ratio = large.size / small.size
  const toSmall = pick(random, [true, false])
  const count = between(random, 1, 60)
  const half = toSmall && ratio % 10 === 0 && random.integer(4) === 0
  const amount = half ? count + between(random, 1, 9) / 10 : toSmall ? count : count * ratio
  const [from, to] = toSmall ? [large, small] : [small, large]
  const result = toSmall ? Number((amount * ratio).toFixed(3)) : count
  const spelled = pick(random, [true, false])
  const [given, asked] = spelled ? [from.name, to.name] : [from.sign, to.sign]
  const space = spelled && given !== from.sign ? ' ' : ''
  const question = pick(random, [
    `${amount}${space}${given}은/는 ${howMany(asked)}이에요/예요?`,
    `${amount}${space}${given}을/를 ${asked}으로/로 바꾸면?`,
    `${amount}${space}${given}은/는 ${asked}으로/로 얼마야?`,
    `${amount}${space}${given}이/가 ${howMany(asked)}인지 알려 줘.`,
  ])
  const fact = `1${large.sign}은/는 ${ratio}${small.sign}이다.`
  const sum = toSmall ? `${amount}×${ratio}=${result}.` : `${amount}÷${ratio}=${result}.`
  const say = (value: number) => fitParticles(`${value}${to.sign}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(`${fact} ${sum}`),
    answer: say(result),
    wrong: pick(random, [say(result * 10), say(result).replace(to.sign, from.sign)]),
    verify: saysQuantity(result, to),
  }
}

/** 3m 25cm in cm. */
const compound: MakeTask = random => {
  const [small, large] = twoUnits(random)
  const ratio = large.size / small.size
  const count = between(random, 1, 30)
  const rest = between(random, 1, Math.min(ratio - 1, 999))
  const total = count * ratio + rest
  const question = pick(random, [
    `${count}${large.sign} ${rest}${small.sign}은/는 ${howMany(small.sign)}이에요/예요?`,
    `${count}${large.sign} ${rest}${small.sign}을/를 ${small.sign}으로/로만 나타내면?`,
    `${count}${large.sign} ${rest}${small.sign}은/는 모두 ${howMany(small.sign)}이에요/예요?`,
  ])
  const say = (value: number) => fitParticles(`${value}${small.sign}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(
      `1${large.sign}은/는 ${ratio}${small.sign}이다. ${count}×${ratio}=${count * ratio}, ${count * ratio}+${rest}=${total}.`,
    ),
    answer: say(total),
    wrong: say(total + pick(random, [1, 10, 100])),
    verify: saysQuantity(total, small),
  }
}

/** Lengths, weights, volumes and times in another unit. */
export const units: MakeTask = random => pick(random, [converted, converted, compound])(random)
