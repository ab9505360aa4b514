import { createCpuDevice, type Device } from '@modu/engine'
import { f32s, i32, kernel } from '../packages/engine/src/kernel/kernel.ts'
import { bestSeconds } from './measure.ts'

// What this machine can do, by kernels that do nothing else. They are written in the engine's kernel language, whose
// modules are not part of the engine's public entry.

const chains = 12
const tasks = 64

/** Independent chains of multiply-adds in registers: no memory, no waiting. */
const multiplyAdds = kernel({
  name: 'limits.multiplyAdds',
  params: { y: f32s, n: i32 },
  reference() {},
  build(k, { y, n }) {
    k.tasks(tasks, task => {
      const totals = Array.from({ length: chains }, () => k.variable(k.vector(0)))
      const [a, b] = [k.vector(0.5), k.vector(0.25)]
      k.loop(0, n, () => {
        for (const total of totals) total.addProduct(a, b)
      })
      y.set(task, k.total(totals.map(total => total.value).reduce((left, right) => left.add(right))))
    })
  },
})

/** Reads every number once and does next to nothing with it. */
const readAll = kernel({
  name: 'limits.readAll',
  params: { x: f32s, y: f32s, n: i32 },
  reference() {},
  build(k, { x, y, n }) {
    k.tasks(n.ceilDiv(65_536), task => {
      const from = task.mul(65_536)
      y.set(
        task,
        k.sum(n.sub(from).min(65_536), i => x.from(from).at(i)),
      )
    })
  },
})

/**
 * GFLOP/s of float32 multiply-adds (two operations each) on one thread. Several threads have a core each: their limit is
 * so many times this, and another program that runs meanwhile does not lower it.
 */
export async function multiplyAddGflops(): Promise<number> {
  const device = createCpuDevice({ threads: 1 })
  const y = device.persistent([tasks])
  const n = 5000
  const seconds = bestSeconds(() => device.run(multiplyAdds, { y, n }))
  await device.close()
  return (2 * tasks * n * chains * 4) / seconds / 1e9
}

/** GB/s of reading `bytes` in sequence, again and again, on all threads of the device. */
export function readGigabytes(device: Device, bytes: number): number {
  const n = Math.floor(bytes / 4)
  const x = device.persistent([n])
  const y = device.persistent([Math.ceil(n / 65_536)])
  device.fill(x, 1)
  const seconds = bestSeconds(() => device.run(readAll, { x, y, n }))
  device.release(x)
  device.release(y)
  return (4 * n) / seconds / 1e9
}
