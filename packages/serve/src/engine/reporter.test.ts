import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { emptyUsage } from '../wire.ts'
import { type Report, setUsage, unpackEvent } from './protocol.ts'
import { Reporter } from './reporter.ts'

type Step = Extract<Report, { type: 'step' }>

let reports: Step[]
let reporter: Reporter
/** Events told so far, which are numbered. */
let told: number

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  vi.advanceTimersByTime(1000)
  reports = []
  told = 0
  reporter = new Reporter(
    report => reports.push(structuredClone(report) as Step),
    () => ({ running: 1, waiting: 0, cacheUsage: 0 }),
  )
})
afterEach(() => {
  vi.useRealTimers()
})

const endOfStep = () => new Promise<void>(resolve => setImmediate(resolve))

/** A step of the engine that takes so many milliseconds, and then tells of an event at each of the seats. */
async function step(milliseconds: number, seats: number[], begins = false) {
  vi.advanceTimersByTime(milliseconds)
  for (const seat of seats) {
    told++
    reporter.tellEvent(
      seat,
      0,
      { type: 'text', text: String(told) },
      { ...emptyUsage(), completionTokens: told },
      begins,
    )
  }
  await endOfStep()
}

/** The numbers of the events that have come at a seat; each came with its own count. */
const arrivedAt = (seat: number) =>
  reports.flatMap(({ news }) =>
    news.flatMap(each => {
      if (each.seat !== seat || each.type !== 'events') return []
      return each.events.map((event, i) => {
        const { text } = unpackEvent(event) as { text: string }
        const usage = emptyUsage()
        setUsage(usage, each.counts, i)
        expect(usage).toEqual({ ...emptyUsage(), completionTokens: Number(text) })
        return Number(text)
      })
    }),
  )

test('what begins goes out in its step, what goes on is gathered, in order and complete', async () => {
  await step(1, [1, 2], true)
  expect(reports).toHaveLength(1)
  expect([arrivedAt(1), arrivedAt(2)]).toEqual([[1], [2]])
  for (let i = 0; i < 4; i++) await step(3, [1, 2])
  expect(reports).toHaveLength(1)
  await step(3, [1, 2])
  expect(reports).toHaveLength(2)
  expect(reports[1]!.news).toHaveLength(2)
  expect([arrivedAt(1), arrivedAt(2)]).toEqual([
    [1, 3, 5, 7, 9, 11],
    [2, 4, 6, 8, 10, 12],
  ])
})

test('pieces that come slowly go out each in its step', async () => {
  await step(1, [1], true)
  for (let i = 1; i < 5; i++) {
    await step(20, [1])
    expect(reports).toHaveLength(1 + i)
  }
  // One that comes soon behind another, but the next one would not.
  await step(9, [1])
  expect(arrivedAt(1)).toEqual([1, 2, 3, 4, 5, 6])
})

test('what waits goes out when its time is over, even if there is no further step', async () => {
  await step(1, [1], true)
  await step(2, [1])
  expect(arrivedAt(1)).toEqual([1])
  vi.advanceTimersByTime(16)
  expect(arrivedAt(1)).toEqual([1, 2])
  vi.advanceTimersByTime(100)
  expect(reports).toHaveLength(2)
})

test('an end takes along what waits at all seats, each in its order', async () => {
  await step(1, [1, 2], true)
  await step(2, [1, 2])
  reporter.tell({ type: 'end', answer: 0, seat: 1 })
  reporter.tellEvent(1, 1, { type: 'text', text: '5' }, { ...emptyUsage(), completionTokens: 5 }, true)
  await endOfStep()
  expect(reports).toHaveLength(2)
  expect(reports[1]!.news.map(({ seat, type }) => [seat, type])).toEqual([
    [1, 'events'],
    [2, 'events'],
    [1, 'end'],
    [1, 'events'],
  ])
  expect([arrivedAt(1), arrivedAt(2)]).toEqual([
    [1, 3, 5],
    [2, 4],
  ])
})
