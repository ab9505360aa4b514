import { describe, expect, test } from 'vitest'
import { type Candidate, choose } from './route.ts'

const servers = (weights: Record<string, number>, outstanding: Record<string, number> = {}): Candidate[] =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight, outstanding: outstanding[name] ?? 0 }))

const keys = Array.from({ length: 2000 }, (_, i) => `conversation ${i}`)
const equal = { a: 1, b: 1, c: 1 }

describe('with little to do', () => {
  test('the same beginning goes to the same server, in whatever order they are listed', () => {
    for (const key of keys.slice(0, 50)) {
      const chosen = choose(servers(equal), key)
      expect(choose(servers(equal).reverse(), key)).toEqual(chosen)
      expect(choose(servers(equal, { [chosen!.name]: 3 }), key)?.name).toBe(chosen?.name)
    }
  })

  test('every server gets its share by weight', () => {
    const got: Record<string, number> = { a: 0, b: 0 }
    for (const key of keys) got[choose(servers({ a: 3, b: 1 }), key)!.name]!++
    // Three quarters, within four standard deviations.
    expect(Math.abs(got.a! - 1500)).toBeLessThan(4 * Math.sqrt(2000 * 0.75 * 0.25))
  })

  test('when a server goes, only its beginnings move', () => {
    const { c: _, ...left } = equal
    for (const key of keys.slice(0, 200)) {
      const before = choose(servers(equal), key)!.name
      if (before !== 'c') expect(choose(servers(left), key)?.name).toBe(before)
    }
  })
})

describe('with much to do', () => {
  const key = keys.find(each => choose(servers(equal), each)?.name === 'a')!

  test('the first choice keeps a request until it has a quarter more than its share', () => {
    expect(choose(servers(equal, { a: 12, b: 10, c: 10 }), key)?.name).toBe('a')
    expect(choose(servers(equal, { a: 20, b: 10, c: 9 }), key)?.name).toBe('c')
  })

  test('shares go by weight', () => {
    const outstanding = { a: 30, b: 10, c: 9 }
    expect(choose(servers({ a: 3, b: 1, c: 1 }, outstanding), key)?.name).toBe('a')
    expect(choose(servers({ a: 2, b: 1, c: 3 }, outstanding), key)?.name).toBe('c')
  })

  test('one beginning for all still leaves nobody with much more than the others', () => {
    const all = Object.keys(equal).map(name => ({ name, weight: 1, outstanding: 0 }))
    for (let i = 0; i < 90; i++) choose(all, 'the same for all')!.outstanding++
    expect(Math.max(...all.map(({ outstanding }) => outstanding))).toBeLessThanOrEqual(38)
    expect(Math.min(...all.map(({ outstanding }) => outstanding))).toBeGreaterThanOrEqual(26)
  })
})

test('where there is one it is that one, where there is none it is none', () => {
  expect(choose(servers({ a: 1 }, { a: 1000 }), 'x')?.name).toBe('a')
  expect(choose([], 'x')).toBeUndefined()
})
