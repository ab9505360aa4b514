import type { Device } from '@modu/engine'

export interface KernelTime {
  calls: number
  seconds: number
}

/** Runs `work` and notes how long the device spent in each kernel, by name. */
export function profile(device: Device, work: () => void): Map<string, KernelTime> {
  const times = new Map<string, KernelTime>()
  const run = device.run
  device.run = (kernel, args) => {
    const start = performance.now()
    run.call(device, kernel, args)
    const seconds = (performance.now() - start) / 1000
    const time = times.get(kernel.name) ?? { calls: 0, seconds: 0 }
    times.set(kernel.name, { calls: time.calls + 1, seconds: time.seconds + seconds })
  }
  try {
    work()
  } finally {
    device.run = run
  }
  return times
}

/** The kernels, the longest first, with their part of `total` seconds, and the rest that is spent between kernels. */
export function profileRows(times: ReadonlyMap<string, KernelTime>, total: number) {
  const rows = [...times]
    .sort(([, a], [, b]) => b.seconds - a.seconds)
    .map(([kernel, { calls, seconds }]) => ({ kernel, calls, ms: 1000 * seconds, share: seconds / total }))
  const rest = total - rows.reduce((sum, { ms }) => sum + ms / 1000, 0)
  return [...rows, { kernel: '(between kernels)', calls: null, ms: 1000 * rest, share: rest / total }]
}
