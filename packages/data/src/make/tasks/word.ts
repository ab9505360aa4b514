import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles, readCount } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber } from '../verify.ts'
import { people, things } from '../words.ts'
import { compute, type Operator, workOut } from '../working.ts'

interface Problem {
  readonly text: string
  /** The sums in order; the last one's result is the answer. */
  readonly sums: readonly (readonly [number, Operator, number])[]
  readonly counter: string
  /** What the answer says before and behind the value: `모두`, `남아요`. */
  readonly before?: string
  readonly behind?: string
}

const given = '친구에게 동생에게 짝에게 이웃에게'.split(' ')

/** Has some, gets more. */
const gain = (random: Random): Problem => {
  const name = pick(random, people)
  const [noun, counter] = pick(random, things)
  const [a, b] = [between(random, 3, 95), between(random, 2, 80)]
  const text = pick(random, [
    `${name}은/는 ${noun} ${a}${counter}을/를 가지고 있어요. ${b}${counter}을/를 더 받으면 모두 몇 ${counter}이/가 되나요?`,
    `${name}이/가 ${noun}을/를 ${a}${counter} 모았는데 오늘 ${b}${counter}을/를 더 모았어. 모두 몇 ${counter}이야/야?`,
    `바구니에 ${noun}이/가 ${a}${counter} 있었어요. ${name}이/가 ${b}${counter}을/를 더 넣었어요. 이제 몇 ${counter}이/가 있어요?`,
    `${noun} ${a}${counter}에 ${b}${counter}을/를 더 사 왔어요. ${noun}은/는 모두 몇 ${counter}인가요?`,
  ])
  return { text, sums: [[a, '+', b]], counter, before: '모두' }
}

/** Has some, loses some. */
const loss = (random: Random): Problem => {
  const name = pick(random, people)
  const [noun, counter] = pick(random, things)
  const a = between(random, 8, 120)
  const b = between(random, 2, a - 1)
  const text = pick(random, [
    `${name}은/는 ${noun} ${a}${counter} 가운데 ${b}${counter}을/를 ${pick(random, given)} 주었어요. 몇 ${counter}이/가 남았나요?`,
    `${noun}이/가 ${a}${counter} 있었는데 ${b}${counter}을/를 팔았어. 남은 건 몇 ${counter}이야/야?`,
    `${name}에게 ${noun}이/가 ${a}${counter} 있어요. ${b}${counter}을/를 쓰면 몇 ${counter}이/가 남아요?`,
    `상자에 든 ${noun} ${a}${counter} 중에서 ${b}${counter}을/를 꺼냈어요. 상자에 남은 ${noun}은/는 몇 ${counter}인가요?`,
  ])
  return { text, sums: [[a, '-', b]], counter, behind: '남아요' }
}

/** Two people compared, then perhaps together. */
const difference = (random: Random): Problem => {
  const [name, other] = sample(random, people, 2)
  const [noun, counter] = pick(random, things)
  const a = between(random, 3, 60)
  const b = between(random, 2, 30)
  const more = a <= b || pick(random, [true, false])
  const second: readonly [number, Operator, number] = more ? [a, '+', b] : [a, '-', b]
  const facts = `${name}은/는 ${noun}을/를 ${a}${counter} 가지고 있어요. ${other}은/는 ${name}보다 ${b}${counter} ${more ? '많이' : '적게'} 가지고 있어요.`
  return pick(random, [
    { text: `${facts} ${other}은/는 몇 ${counter}을/를 가지고 있나요?`, sums: [second], counter },
    {
      text: `${facts} 두 사람이 가진 ${noun}은/는 모두 몇 ${counter}이에요/예요?`,
      sums: [second, [a, '+', compute(...second)]],
      counter,
      before: '모두',
    },
  ])
}

/** Equal groups. */
const groups = (random: Random): Problem => {
  const name = pick(random, people)
  const [noun, counter] = pick(random, things)
  const [each, count] = [between(random, 2, 24), between(random, 2, 12)]
  const holder = pick(random, ['상자', '봉지', '바구니'])
  const text = pick(random, [
    `${holder} 하나에 ${noun}이/가 ${each}${counter}씩 들어 있어요. ${holder} ${count}개에는 모두 몇 ${counter}이/가 들어 있나요?`,
    `${name}은/는 하루에 ${noun}을/를 ${each}${counter}씩 모아. ${count}일 동안 모으면 몇 ${counter}이야/야?`,
    `학생 ${count}명에게 ${noun}을/를 ${each}${counter}씩 나누어 주려고 해요. ${noun}은/는 몇 ${counter}이/가 필요할까요?`,
    `${noun}을/를 한 줄에 ${each}${counter}씩 ${count}줄로 놓았어요. 모두 몇 ${counter}이에요/예요?`,
  ])
  return { text, sums: [[each, '×', count]], counter, before: '모두' }
}

/** Shared equally. */
const sharing = (random: Random): Problem => {
  const [noun, counter] = pick(random, things)
  const [each, count] = [between(random, 2, 30), between(random, 2, 9)]
  const total = each * count
  const [text, before] = pick(random, [
    [
      `${noun} ${total}${counter}을/를 ${count}명이 똑같이 나누면 한 사람이 몇 ${counter}씩 가지게 되나요?`,
      '한 사람에',
    ],
    [
      `${noun}이/가 ${total}${counter} 있어. ${count}명에게 똑같이 나눠 주면 한 명은 몇 ${counter}을/를 받아?`,
      '한 명에',
    ],
    [
      `${noun} ${total}${counter}을/를 상자 ${count}개에 똑같이 담았어요. 상자 하나에는 몇 ${counter}이/가 들어 있나요?`,
      '상자 하나에',
    ],
  ])
  return { text: text!, sums: [[total, '÷', count]], counter, before }
}

/** Gains and losses one after another. */
const several = (random: Random): Problem => {
  const name = pick(random, people)
  const [noun, counter] = pick(random, things)
  const a = between(random, 10, 60)
  const b = between(random, 2, a - 2)
  const c = between(random, 2, 40)
  const losesFirst = pick(random, [true, false])
  const [first, second] = losesFirst
    ? [`${b}${counter}을/를 나눠 주고`, `${c}${counter}을/를 새로 샀어요`]
    : [`${c}${counter}을/를 더 사고`, `${b}${counter}을/를 나눠 줬어요`]
  const sums: Problem['sums'] = losesFirst
    ? [
        [a, '-', b],
        [a - b, '+', c],
      ]
    : [
        [a, '+', c],
        [a + c, '-', b],
      ]
  const text = pick(random, [
    `${name}은/는 ${noun} ${a}${counter}을/를 가지고 있었어요. ${first} ${second}. 지금은 몇 ${counter}이/가 있나요?`,
    `처음에 ${noun}이/가 ${a}${counter} 있었어요. ${name}이/가 ${first}, 그 뒤에 ${second}. 이제 몇 ${counter}이에요/예요?`,
  ])
  return { text, sums, counter }
}

/** Groups, of which some go. */
const groupsLess = (random: Random): Problem => {
  const name = pick(random, people)
  const [noun, counter] = pick(random, things)
  const [each, count] = [between(random, 3, 15), between(random, 2, 9)]
  const gone = between(random, 1, each * count - 1)
  const text = pick(random, [
    `${noun}이/가 ${each}${counter}씩 든 상자가 ${count}개 있어요. ${name}이/가 ${gone}${counter}을/를 꺼내면 몇 ${counter}이/가 남나요?`,
    `${name}은/는 ${noun}을/를 하루에 ${each}${counter}씩 ${count}일 동안 모았어요. 그중 ${gone}${counter}을/를 썼다면 남은 것은 몇 ${counter}이에요/예요?`,
  ])
  return {
    text,
    sums: [
      [each, '×', count],
      [each * count, '-', gone],
    ],
    counter,
    behind: '남아요',
  }
}

/** Prices, and the change. */
const shopping = (random: Random): Problem => {
  const name = pick(random, people)
  const [[noun, counter], [other, otherCounter]] = sample(random, things, 2) as [
    (typeof things)[number],
    (typeof things)[number],
  ]
  const [price, otherPrice] = [between(random, 3, 30) * 100, between(random, 3, 30) * 100]
  const [count, otherCount] = [between(random, 2, 6), between(random, 2, 5)]
  const [cost, otherCost] = [price * count, otherPrice * otherCount]
  const total = cost + otherCost
  const paid = Math.ceil((cost + 1) / 10000) * 10000
  const list = `${noun} 한 ${counter}에 ${price}원`
  return pick(random, [
    {
      text: `${list}이에요/예요. ${name}이/가 ${count}${counter}을/를 사고 ${paid}원을 냈어요. 거스름돈은 얼마인가요?`,
      sums: [
        [price, '×', count],
        [paid, '-', cost],
      ],
      counter: '원',
      before: '거스름돈은',
    },
    {
      text: `${list}이고/고, ${other} 한 ${otherCounter}에 ${otherPrice}원이에요. ${noun} ${count}${counter}과/와 ${other} ${otherCount}${otherCounter}을/를 사면 모두 얼마예요?`,
      sums: [
        [price, '×', count],
        [otherPrice, '×', otherCount],
        [cost, '+', otherCost],
      ],
      counter: '원',
      before: '모두',
    },
    {
      text: `${name}은/는 ${total}원을 가지고 있었어. ${noun}을/를 사는 데 ${cost}원을 썼다면 남은 돈은 얼마야?`,
      sums: [[total, '-', cost]],
      counter: '원',
      behind: '남아요',
    },
  ] satisfies Problem[])
}

/** Ages, distances, savings: rates and times. */
const rates = (random: Random): Problem => {
  const [name, other] = sample(random, people, 2)
  const [speed, hours] = [between(random, 3, 90), between(random, 2, 6)]
  const [age, gap, years] = [between(random, 7, 30), between(random, 2, 30), between(random, 2, 15)]
  const [saved, months] = [between(random, 2, 30) * 1000, between(random, 2, 12)]
  return pick(random, [
    {
      text: `한 시간에 ${speed}km를 가는 ${pick(random, ['자동차', '기차', '버스', '배'])}이/가 ${hours}시간 동안 가면 몇 km를 갈까요?`,
      sums: [[speed, '×', hours]],
      counter: 'km',
    },
    {
      text: `${name}은/는 ${age}살이고 ${other}은/는 ${name}보다 ${gap}살 많아요. ${years}년 뒤에 ${other}은/는 몇 살인가요?`,
      sums: [
        [age, '+', gap],
        [age + gap, '+', years],
      ],
      counter: '살',
    },
    {
      text: `${name}은/는 한 달에 ${saved}원씩 ${months}달 동안 저금했어요. 모두 얼마를 모았나요?`,
      sums: [[saved, '×', months]],
      counter: '원',
      before: '모두',
    },
    {
      text: `${name}은/는 하루에 책을 ${speed}쪽씩 읽어. ${speed * hours}쪽짜리 책을 다 읽으려면 며칠이 걸려?`,
      sums: [[speed * hours, '÷', speed]],
      counter: '일',
    },
  ] satisfies Problem[])
}

/** As people ask who tell no story; small numbers in words, too. */
const brief = (random: Random): Problem => {
  const [noun, counter] = pick(random, things)
  const isSpelt = pick(random, [true, false])
  const amount = (number: number) => (isSpelt ? readCount(number, counter) : `${number}${counter}`)
  const [a, b] = [between(random, 2, isSpelt ? 12 : 60), between(random, 2, isSpelt ? 9 : 40)]
  const [each, count] = [between(random, 2, 12), between(random, 2, 9)]
  return pick(random, [
    {
      text: pick(random, [
        `${noun} ${amount(a)}에 ${amount(b)}을/를 더하면 몇 ${counter}이야/야?`,
        `${noun} ${amount(a)} 있는데 ${amount(b)} 더 사면 모두 몇 ${counter}이에요/예요?`,
        `${noun} ${amount(a)}하고 ${amount(b)}을/를 합하면 몇 ${counter}인가요?`,
        `${noun} ${amount(a)} 있었는데 ${amount(b)} 더 생겼어. 이제 몇 ${counter}?`,
        `${amount(a)} 있던 ${noun}에 ${amount(b)}을/를 보태면?`,
      ]),
      sums: [[a, '+', b]],
      counter,
      before: '모두',
    },
    {
      text: pick(random, [
        `${noun} ${amount(a + b)}에서 ${amount(b)}을/를 빼면 몇 ${counter}이야/야?`,
        `${noun} ${amount(a + b)} 중에 ${amount(b)} 썼어. 몇 ${counter} 남았지?`,
        `${noun}이/가 ${amount(a + b)} 있었는데 ${amount(b)}을/를 나눠 줬어요. 몇 ${counter} 남아요?`,
        `${noun} ${amount(a + b)} 가운데 ${amount(b)}이/가 없어지면 몇 ${counter}이/가 남나요?`,
      ]),
      sums: [[a + b, '-', b]],
      counter,
      behind: '남아요',
    },
    {
      text: pick(random, [
        `${noun} ${amount(each)}씩 ${count}명이면 모두 몇 ${counter}이야/야?`,
        `${noun} ${amount(each)}씩 든 봉지가 ${count}개면 몇 ${counter}이에요/예요?`,
        `한 사람한테 ${noun} ${amount(each)}씩 ${count}명한테 주려면 몇 ${counter} 필요해?`,
        `날마다 ${noun} ${amount(each)}씩 ${count}일이면 다 해서 몇 ${counter}?`,
      ]),
      sums: [[each, '×', count]],
      counter,
      before: '모두',
    },
    {
      text: pick(random, [
        `${noun} ${amount(each * count)}을/를 ${count}명이 나누면 몇 ${counter}씩이야?`,
        `${noun} ${amount(each * count)}, ${count}명이 똑같이 가지면 한 명에 몇 ${counter}?`,
        `${noun} ${amount(each * count)}을/를 ${count}명에게 고루 주면 한 명이 몇 ${counter} 받아요?`,
      ]),
      sums: [[each * count, '÷', count]],
      counter,
      before: '한 명에',
    },
  ] satisfies Problem[])
}

/** At the till, as people ask there. */
const paying = (random: Random): Problem => {
  const [noun, counter] = pick(random, things)
  const [price, count] = [between(random, 2, 60) * 100, between(random, 2, 7)]
  const cost = price * count
  const note = pick(random, [1000, 5000, 10000])
  const paid = Math.ceil((cost + 1) / note) * note
  const had = cost - between(random, 1, cost / 100 - 1) * 100
  const counted = `${noun} ${count}${counter}`
  return pick(random, [
    {
      text: pick(random, [
        `${price}원짜리 ${counted} 사면 얼마야?`,
        `한 ${counter}에 ${price}원인 ${noun}을/를 ${count}${counter} 사려면 얼마가 필요해요?`,
        `${noun} 하나에 ${price}원, ${count}${counter} 사면 다 해서 얼마?`,
      ]),
      sums: [[price, '×', count]],
      counter: '원',
      before: '모두',
    },
    {
      text: pick(random, [
        `${paid}원 내고 ${cost}원어치 샀어. 거스름돈은?`,
        `${noun} 값이 ${cost}원인데 ${paid}원을 냈어요. 얼마를 거슬러 받아요?`,
        `${cost}원짜리 ${noun}을/를 사면 ${paid}원에서 얼마가 남아?`,
      ]),
      sums: [[paid, '-', cost]],
      counter: '원',
      behind: '남아요',
    },
    {
      text: `${price}원짜리 ${counted}을/를 사고 ${paid}원 냈어. 얼마 거슬러 받아?`,
      sums: [
        [price, '×', count],
        [paid, '-', cost],
      ],
      counter: '원',
      before: '거스름돈은',
    },
    {
      text: `${noun}이/가 ${cost}원인데 ${had}원밖에 없어. 얼마가 모자라?`,
      sums: [[cost, '-', had]],
      counter: '원',
      behind: '모자라요',
    },
    {
      text: pick(random, [
        `${counted}에 ${cost}원이면 한 ${counter}에 얼마야?`,
        `${counted} 값이 ${cost}원이래. 하나에 얼마?`,
      ]),
      sums: [[cost, '÷', count]],
      counter: '원',
      before: '하나에',
    },
  ] satisfies Problem[])
}

const problems = [
  gain,
  loss,
  difference,
  groups,
  sharing,
  several,
  several,
  groupsLess,
  shopping,
  shopping,
  rates,
  brief,
  brief,
  brief,
  paying,
  paying,
]

/** Problems told as everyday stories, of one to three steps. */
export const word: MakeTask = random => {
  const { text, sums, counter, before, behind } = pick(random, problems)(random)
  const value = compute(...sums.at(-1)!)
  const say = (result: number) => {
    const amount = `${result}${counter}`
    const said = behind ? `${amount}이/가 ${behind}.` : `${amount}이에요/예요.`
    return fitParticles(before ? `${before} ${said}` : said)
  }
  return {
    question: fitParticles(text),
    reasoning: sums.map(sum => `${workOut(...sum)}.`).join(' '),
    answer: say(value),
    wrong: say(value + between(random, 1, 9)),
    steps: sums.length,
    verify: saysNumber(value),
  }
}
