import { describe, expect, test } from 'vitest'
import type { CleaningSample } from './report.ts'
import { changedSample, droppedSample, SampleDraw } from './samples.ts'

const sample = (place: string, outcome: CleaningSample['outcome']): CleaningSample => ({
  place,
  outcome,
  reason: 'short',
  text: '',
})

describe('drawing', () => {
  const places = Array.from({ length: 100 }, (_, i) => `a.jsonl:${i + 1}`)
  const draw = (seed: number, offered: readonly string[]) => {
    const drawn = new SampleDraw<CleaningSample>(seed, 'quality')
    for (const place of offered) drawn.offer(place, 'dropped', () => sample(place, 'dropped'))
    return drawn.samples.map(({ place }) => place)
  }

  test('five of each outcome, changed ones first', () => {
    const drawn = new SampleDraw<CleaningSample>(1, 'quality')
    for (const place of places) {
      for (const outcome of ['dropped', 'changed'] as const) drawn.offer(place, outcome, () => sample(place, outcome))
    }
    expect(drawn.samples.map(({ outcome }) => outcome)).toEqual([
      ...Array(5).fill('changed'),
      ...Array(5).fill('dropped'),
    ])
  })

  test('the seed decides, and the order in which they come does not', () => {
    expect(draw(1, places)).toEqual(draw(1, places.toReversed()))
    expect(draw(1, places)).not.toEqual(draw(2, places))
  })

  test('samples of parts make those of the whole', () => {
    expect(draw(1, [...draw(1, places.slice(0, 30)), ...draw(1, places.slice(30))])).toEqual(draw(1, places))
  })
})

describe('what is shown', () => {
  const long = '앞에 긴 글이 있다. '.repeat(30)

  test('the surroundings of a change, before and after', () => {
    const shown = changedSample('a:1', 'compatibility', `${long}５㎏`, `${long}5kg`)
    expect(shown.text).toMatch(/^…[\s\S]*5kg$/)
    expect(shown.before).toMatch(/^…[\s\S]*５㎏$/)
  })

  test('personal data is masked, also what only the change uncovers', () => {
    expect(changedSample('a:1', '전화번호', '전화 010-1234-5678', '전화 [전화번호]')).toEqual({
      place: 'a:1',
      outcome: 'changed',
      reason: '전화번호',
      text: '전화 [전화번호]',
    })
    const uncovered = changedSample('a:1', 'compatibility', '전화 ０１０－１２３４－５６７８', '전화 010-1234-5678')
    expect(JSON.stringify(uncovered)).not.toMatch(/1234|１２３４/)
    expect(droppedSample('a:1', 'short', '전화 010-1234-5678').text).toBe('전화 [전화번호]')
  })

  test('the part to blame of a dropped document', () => {
    const { text } = droppedSample('a:1', 'insult', `${long}바보 010-1234-5678`, '바보')
    expect(text).toMatch(/^…[\s\S]*바보 \[전화번호\]$/)
    expect(droppedSample('a:1', 'evaluation', '말, 바꿈.', '말 바꿈').text).toBe('말 바꿈')
  })
})
