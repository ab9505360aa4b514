import { describe, expect, test } from 'vitest'
import { type BeamOptions, beamSearch } from './beamSearch.ts'
import type { GenerationEnd, TokenSequence } from './generate.ts'
import type { LanguageModel } from './languageModel.ts'
import type { PlainAnswer } from './plainAnswer.ts'
import { Random } from './random.ts'

/* The search on made-up models of a few tokens, of which 0 ends an answer: there every answer can be tried. */

const model = { config: { maxPositions: 20 } } as LanguageModel
const anyForm = { text: '', forbid() {}, textAfter: () => '', after: () => anyForm } as unknown as PlainAnswer

type Logits = (answer: readonly number[]) => number[]

/** A sequence that says what `logits` says, and how many there are of it. */
function sequences(logits: Logits) {
  const open = { count: 0, most: 0, steps: 0 }
  const make = (tokens: readonly number[]): TokenSequence => {
    let all = tokens
    open.count++
    open.most = Math.max(open.most, open.count)
    return {
      async append(more) {
        open.steps++
        all = [...all, ...more]
        return Float32Array.from(logits(all.slice(1)))
      },
      fork: () => make(all),
      release: () => open.count--,
      reused: 0,
    }
  }
  return { open, root: make([]) }
}

async function search(logits: Logits, options: Partial<BeamOptions> = {}, seed = 1) {
  const { open, root } = sequences(logits)
  const steps = beamSearch(model, root, [7], {
    beams: 2,
    lengthPenalty: 1,
    temperature: 0,
    random: new Random(seed),
    blocks: undefined,
    form: anyForm,
    stopIds: new Set([0]),
    ...options,
  })
  const tokens: number[] = []
  for (;;) {
    const { value, done } = await steps.next()
    if (done) return { tokens, end: value as GenerationEnd, open }
    tokens.push(value as number)
  }
}

const softmax = (logits: readonly number[]) => {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
  return logits.map(logit => logit - Math.log(sum))
}

/** The best of all answers of up to `most` tokens, the end not counted, by trying them. */
function best(logits: Logits, most: number, lengthPenalty: number): readonly number[] {
  let found: { answer: readonly number[]; worth: number } = { answer: [], worth: -Infinity }
  const walk = (answer: readonly number[], logprob: number) => {
    const next = softmax(logits(answer))
    const worth = (logprob + next[0]!) / (answer.length + 1) ** lengthPenalty
    if (worth > found.worth) found = { answer, worth }
    if (answer.length < most) for (let id = 1; id < next.length; id++) walk([...answer, id], logprob + next[id]!)
  }
  walk([], 0)
  return found.answer
}

/** Logits at random, but always the same behind the same answer; behind `most` tokens it ends. */
const noise =
  (seed: number, size: number, most: number): Logits =>
  answer => {
    const random = new Random([seed, ...answer, 5].reduce((hash, id) => (hash * 31 + id + 1) % 1e9, 7))
    return Array.from({ length: size }, (_, id) => (answer.length === most && id > 0 ? -30 : 2 * random.normal()))
  }

describe('beam search', () => {
  test.each([0, 0.7, 1])(
    'with room for all beginnings finds the best of all answers (length penalty %d)',
    async penalty => {
      for (let seed = 0; seed < 12; seed++) {
        const logits = noise(seed, 4, 3)
        const { tokens, end, open } = await search(logits, { beams: 60, lengthPenalty: penalty })
        expect(tokens).toEqual(best(logits, 3, penalty))
        expect(end).toBe('stop')
        expect(open.count).toBe(0)
      }
    },
  )

  test('sees past a likely token that leads nowhere', async () => {
    // 1 is more likely than 2, but what follows 1 is anything, and 3 follows 2.
    const logits: Logits = answer =>
      answer.length === 0
        ? [-9, 1, 0.6, -9]
        : answer.length > 1
          ? [9, 0, 0, 0]
          : answer[0] === 2
            ? [-9, -9, -9, 9]
            : [0, 0, 0, 0]
    expect((await search(logits, { beams: 1 })).tokens[0]).toBe(1)
    expect((await search(logits, { beams: 2 })).tokens).toEqual([2, 3])
  })

  test('follows no more beginnings than asked for, and gives up the others', async () => {
    const { open } = await search(noise(3, 50, 15), { beams: 3 })
    expect(open).toMatchObject({ count: 0, most: 3 })
  })

  test('ends at the limit of tokens with what is likeliest so far', async () => {
    const endless: Logits = answer => [-30, answer.length % 2, 0.5, 0]
    const { tokens, end, open } = await search(endless, { maxTokens: 4 })
    expect(end).toBe('length')
    expect(tokens).toEqual([2, 1, 2, 1])
    expect(open.count).toBe(0)
    // The context holds 20, of which one is the prompt.
    expect((await search(endless)).tokens).toHaveLength(19)
  })

  test('says no five characters of a sentence again, but for those around its end', async () => {
    /** Tokens 1 to 4 say a, b, a blank and a full stop. */
    const said = (text: string): PlainAnswer =>
      ({
        text,
        forbid() {},
        textAfter: (token: number) => text + ' ab .'[token],
        after: (token: number) => said(text + ' ab .'[token]),
      }) as unknown as PlainAnswer
    const spoken = async (likely: string, form = said('')) => {
      const logits: Logits = answer => [-30, ...[...'ab .'].map(letter => (letter === likely[answer.length] ? 9 : 0))]
      const { tokens } = await search(logits, { beams: 1, maxTokens: likely.length, form })
      return tokens.map(token => ' ab .'[token]).join('')
    }
    expect(await spoken('ababab ba')).toBe('ababab ba')
    expect(await spoken('aabba aabba')).not.toBe('aabba aabba')
    expect(await spoken('ab ab ab a')).not.toBe('ab ab ab a')
    expect(await spoken('ab ab ab')).not.toBe('ab ab ab')
    expect(await spoken('aabb. aabb. aab')).toBe('aabb. aabb. aab')
    // Where everything would, the answer is what has been said.
    const form = (text: string): PlainAnswer =>
      ({
        text,
        forbid: (logits: Float32Array) => logits.fill(-Infinity, 2).fill(-Infinity, 0, 1),
        textAfter: () => `${text}a`,
        after: () => form(`${text}a`),
      }) as unknown as PlainAnswer
    expect(await search(() => [0, 0, 0], { form: form('') })).toMatchObject({ tokens: [1, 1, 1, 1, 1], end: 'stop' })
  })

  test('what the form forbids does not come', async () => {
    const form = {
      forbid: (logits: Float32Array) => logits.fill(-Infinity, 1, 2),
      textAfter: () => '',
      after: () => form,
      text: '',
    } as unknown as PlainAnswer
    expect((await search(noise(1, 3, 5), { form, beams: 4 })).tokens.every(token => token === 2)).toBe(true)
  })

  test('with a temperature, seeds give different answers, the same one always the same', async () => {
    const logits = noise(8, 12, 6)
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, seed) => (await search(logits, { temperature: 1 }, seed)).tokens.join()),
    )
    expect(new Set(answers).size).toBeGreaterThan(2)
    expect((await search(logits, { temperature: 1 }, 4)).tokens.join()).toBe(answers[4])
  })

  test('a step that fails ends it, and nothing is left open', async () => {
    let steps = 0
    const failing: Logits = () => {
      if (++steps > 3) throw new Error('the model broke')
      return [-3, 1, 0.9, 0.8]
    }
    const { open, root } = sequences(failing)
    const options = { beams: 3, lengthPenalty: 1, temperature: 0, random: new Random(1) }
    const answer = beamSearch(model, root, [7], { ...options, blocks: undefined, form: anyForm, stopIds: new Set([0]) })
    await expect(answer.next()).rejects.toThrow('the model broke')
    expect(open.count).toBe(0)
  })

  test('logits that are not finite are an error', async () => {
    await expect(search(() => [Number.NaN, Number.NaN])).rejects.toThrow('no finite logits')
  })
})
