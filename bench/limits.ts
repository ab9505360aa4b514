import { type CpuTarget, createCpuDevice } from '@modu/engine'
import { multiplyAddGflops as gflops } from '../packages/engine/src/limits.ts'

// Limits of this machine. The kernels that find them are part of the engine, but not of its public entry.

export { readGigabytes } from '../packages/engine/src/limits.ts'

/**
 * GFLOP/s of float32 multiply-adds (two operations each) on one thread of a target. Several threads have a core each:
 * their limit is so many times this, and another program that runs meanwhile does not lower it.
 */
export async function multiplyAddGflops(target: CpuTarget = 'auto'): Promise<number> {
  const device = createCpuDevice({ threads: 1, target })
  const speed = gflops(device)
  await device.close()
  return speed
}
