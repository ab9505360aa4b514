import { expect, test } from 'vitest'
import { emptyUsage } from '../wire.ts'
import { Arrivals } from './arrivals.ts'
import { countsOf } from './protocol.ts'

const tokens = (...completionTokens: number[]) =>
  completionTokens.flatMap(tokens => countsOf({ ...emptyUsage(), completionTokens: tokens }))

test('what has arrived is read before the end, and before the error of an answer that failed', async () => {
  const usage = emptyUsage()
  const arrivals = new Arrivals<string>(usage)
  arrivals.push(['a', 'b'], tokens(1, 2))
  arrivals.push(['c'], tokens(3))
  arrivals.end({ error: new Error('broken') })
  expect(await arrivals.next()).toEqual({ done: false, value: 'a' })
  // What has not been read is not counted yet.
  expect(usage.completionTokens).toBe(1)
  expect(await arrivals.next()).toEqual({ done: false, value: 'b' })
  expect(usage.completionTokens).toBe(2)
  expect(await arrivals.next()).toEqual({ done: false, value: 'c' })
  await expect(arrivals.next()).rejects.toThrow('broken')
})

test('a request that is given up gets the reason at once, and what waits is not counted', async () => {
  const usage = emptyUsage()
  const arrivals = new Arrivals<string>(usage)
  arrivals.push(['a'], tokens(1))
  arrivals.fail(new Error('left'))
  await expect(arrivals.next()).rejects.toThrow('left')
  expect(usage.completionTokens).toBe(0)
})
