import { expect, onTestFinished, test } from 'vitest'
import { HealthCheck } from './health.ts'

/** A server whose checks go as told, one after the other; `seen` says after each whether it is taken for healthy. */
async function checked(outcomes: readonly boolean[]) {
  const changes: string[] = []
  const seen: boolean[] = []
  const done = Promise.withResolvers<void>()
  let checks = 0
  const health = new HealthCheck(
    async () => {
      if (checks > 0) seen.push(health.isHealthy)
      if (checks === outcomes.length) {
        health.stop()
        done.resolve()
      }
      if (!outcomes[checks++]) throw new Error('no answer')
    },
    1,
    failure => changes.push(failure ? failure.message : 'up'),
  )
  onTestFinished(() => health.stop())
  await health.start()
  await done.promise
  return { seen, changes }
}

test('one missed check is forgiven, two in a row are not, and one that is passed makes up for all', async () => {
  const { seen, changes } = await checked([true, false, true, false, false, false, true])
  expect(seen).toEqual([true, true, true, true, false, false, true])
  expect(changes).toEqual(['no answer', 'up'])
})

test('a server that misses the first one is down from the start', async () => {
  const { seen, changes } = await checked([false, false, true])
  expect(seen).toEqual([false, false, true])
  expect(changes).toEqual(['no answer', 'up'])
})
