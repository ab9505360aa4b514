import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createCpuDevice, type Device } from '@modu/engine'
import { f32s, i32, kernel } from '../packages/engine/src/kernel/kernel.ts'
import { bestSeconds } from './measure.ts'
import { type Result, result } from './report.ts'
import { targets } from './targets.ts'

/** Two tasks of `n` additions that wait for each other, one for each thread. */
const twoTasks = kernel({
  name: 'threads.twoTasks',
  params: { y: f32s, n: i32 },
  reference() {},
  build(k, { y, n }) {
    k.tasks(2, task => {
      const total = k.variable(0)
      k.loop(0, n, () => total.add(1))
      y.set(task.mul(16), total.value)
    })
  },
})

/** Calls timed together: short enough that nothing else interrupts now and then. */
const calls = 20
/** Some ten microseconds. */
const additions = 10_000

function microseconds(device: Device, n: number): number {
  const y = device.persistent([32])
  const many = () => {
    for (let i = 0; i < calls; i++) device.run(twoTasks, { y, n })
  }
  return (bestSeconds(many, { seconds: 3 }) / calls) * 1e6
}

/** Best time of a single call after a pause in which the workers fell asleep. */
async function afterSleep(device: Device): Promise<number> {
  const y = device.persistent([32])
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20; i++) {
    await sleep(20)
    const start = performance.now()
    device.run(twoTasks, { y, n: 0 })
    best = Math.min(best, performance.now() - start)
  }
  return best * 1000
}

/** Microseconds for a word to another spinning thread and back: no engine, no kernel. */
async function pingPong(): Promise<number> {
  const words = new Int32Array(new SharedArrayBuffer(256))
  const script = `
    const { workerData: words } = require('node:worker_threads')
    Atomics.store(words, 48, 1)
    for (;;) {
      const turn = Atomics.load(words, 0)
      if (turn !== Atomics.load(words, 32)) Atomics.store(words, 32, turn)
    }`
  const worker = new Worker(script, { eval: true, workerData: words })
  while (Atomics.load(words, 48) === 0) await sleep(1)
  let turn = 0
  const many = () => {
    for (let i = 0; i < calls; i++) {
      turn = (turn + 1) & 0xff_ffff
      Atomics.store(words, 0, turn)
      while (Atomics.load(words, 32) !== turn) {}
    }
  }
  const seconds = bestSeconds(many) / calls
  await worker.terminate()
  return seconds * 1e6
}

/**
 * What sharing work costs: two equal tasks on two threads take half as long as on one, and this much more. The limit
 * is a word that goes to another thread and back.
 */
export async function threads(args: string[]): Promise<Result> {
  const limit = await pingPong()
  const cases = []
  for (const target of targets(args)) {
    const single = createCpuDevice({ threads: 1, target })
    const alone = microseconds(single, additions)
    await single.close()
    const device = createCpuDevice({ threads: 2, target })
    const both = microseconds(device, additions)
    cases.push({
      target,
      'µs two tasks, 1 thread': alone,
      'µs two tasks, 2 threads': both,
      'µs hand-over': both - alone / 2,
      'µs empty': microseconds(device, 0),
      'µs empty, asleep': await afterSleep(device),
    })
    await device.close()
  }
  const ours = Math.min(...cases.map(row => row['µs hand-over']))
  console.log(`a word there and back takes ${limit.toFixed(2)} µs\n`)
  return result({ name: 'threads', unit: 'µs to share two tasks', lessIsBetter: true, ours, limit, cases })
}
