import { expect, test } from 'vitest'
import { Threads } from './threads.ts'

/** A module that answers with its thread's number and what `workerData` makes of the question, or fails. */
const module = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId, workerData } from 'node:worker_threads'
    parentPort.on('message', question => {
      if (question < 0) throw new RangeError('negative')
      parentPort.postMessage([threadId, question * workerData])
    })`)}`,
)
const threads = (count: number) => new Threads<number, [thread: number, product: number]>(module, 3, count)

test('questions are shared among the threads, and each gets its own answer', async () => {
  const three = threads(3)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => three.ask(n)))
  expect(answers.map(([, product]) => product)).toEqual(Array.from({ length: 20 }, (_, n) => 3 * n))
  expect(new Set(answers.map(([thread]) => thread)).size).toBe(3)
  await three.close()
})

test('a thread that is free is asked before another one starts', async () => {
  const three = threads(3)
  const used = new Set<number>()
  for (let n = 0; n < 5; n++) used.add((await three.ask(n))[0])
  expect(used.size).toBe(1)
  await three.close()
})

test('a thread that fails leaves no question without an answer', async () => {
  const one = threads(1)
  const answers = await Promise.allSettled([one.ask(1), one.ask(-1), one.ask(2)])
  expect(answers[0]).toMatchObject({ status: 'fulfilled' })
  for (const failed of answers.slice(1)) expect(failed).toMatchObject({ reason: { message: 'negative' } })
  await one.close()
})
