import type { Device } from './device/device.ts'
import { f32s, i32, kernel } from './kernel/kernel.ts'
import type { Builder, Real, Reals } from './kernel/language.ts'

// What this machine can do, by kernels that do nothing else.

/** Number formats that products are made of; their sums are float32 or int32. */
export type NumberFormat = 'f32' | 'bf16' | 'int8'

/** Enough to hide that a multiply-add takes four to six cycles, and few enough for 16 registers. */
const chains = 10
const tasks = 64
/** No register has more lanes than that. */
const mostLanes = 16
/** Where a kernel of chains says how many lanes a register has, behind all results. */
const lanesAt = tasks * chains * mostLanes

interface Chain {
  step(): void
  /** A vector. */
  result(): Real
}

/**
 * Independent chains of multiply-adds in registers: no memory, no waiting. `x` holds at least a vector; `y` gets the
 * results of the tasks side by side, which keeps them from being left out and lets vectors be joined.
 */
const chainKernel = (name: string, start: (k: Builder, x: Reals) => () => Chain) =>
  kernel({
    name: `limits.${name}`,
    params: { x: f32s, y: f32s, n: i32 },
    reference() {},
    build(k, { x, y, n }) {
      k.tasks(tasks, task => {
        const all = Array.from({ length: chains * k.joined }, start(k, x))
        k.loop(0, n, () => {
          for (const chain of all) chain.step()
        })
        const results = y.from(task.mul(chains * mostLanes))
        for (const [c, chain] of all.entries()) results.setVector(c * k.width, chain.result())
        y.set(lanesAt, k.real(k.width * k.joined))
      })
    },
  })

/** A kernel for each format, and how many multiply-adds a lane makes in one step. */
const multiplyAdds = {
  f32: {
    perLane: 1,
    kernel: chainKernel('multiplyAdds', (k, x) => {
      const [a, b] = [x.vectorAt(0), k.vector(0.25)]
      return () => {
        const total = k.variable(k.vector(0))
        return { step: () => total.addProduct(a, b), result: () => total.value }
      }
    }),
  },
  bf16: {
    perLane: 2,
    kernel: chainKernel('bf16Dots', (k, x) => {
      const pairs = x.asPairs().vectorAt(0)
      return () => {
        const total = k.variable(k.vector(0))
        return { step: () => total.addDot(pairs, pairs), result: () => total.value }
      }
    }),
  },
  int8: {
    perLane: 4,
    kernel: chainKernel('int8Dots', (k, x) => {
      const bytes = x.asBytes().vectorAt(0)
      return () => {
        const total = k.intVectorVariable(0)
        return { step: () => total.addDot(bytes, bytes), result: () => total.value.toReal() }
      }
    }),
  },
}

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

interface Patience {
  /** How long to measure. */
  seconds?: number
}

/** 10⁹ operations a second (a multiply-add is two) on all threads of the device, from registers to registers. */
export function multiplyAddGflops(device: Device, format: NumberFormat = 'f32', patience: Patience = {}): number {
  const { perLane, kernel } = multiplyAdds[format]
  const x = device.from(new Array<number>(64).fill(1), [64])
  const y = device.persistent([lanesAt + 1])
  const n = 2000
  const seconds = bestSeconds(() => device.run(kernel, { x, y, n }), patience)
  const lanes = y.data[lanesAt]!
  device.release(x)
  device.release(y)
  return (2 * tasks * n * chains * lanes * perLane) / seconds / 1e9
}

/** GB/s of reading `bytes` in sequence, again and again, on all threads of the device. */
export function readGigabytes(device: Device, bytes: number, patience: Patience = {}): number {
  const n = Math.floor(bytes / 4)
  const x = device.persistent([n])
  const y = device.persistent([Math.ceil(n / 65_536)])
  device.fill(x, 1)
  const seconds = bestSeconds(() => device.run(readAll, { x, y, n }), patience)
  device.release(x)
  device.release(y)
  return (4 * n) / seconds / 1e9
}

/** The best of several seconds per call: on a machine that others use too, the least disturbed one says most. */
export function bestSeconds(work: () => void, { seconds = 1 }: Patience = {}): number {
  work()
  const end = performance.now() + 1000 * seconds
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5 || performance.now() < end; i++) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return best / 1000
}
