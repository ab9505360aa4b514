import { type CpuTarget, createCpuDevice, type Precision } from '@modu/engine'
import { multiplyAddGflops as gflops } from '../packages/engine/src/limits.ts'

// Limits of this machine. The kernels that find them are part of the engine, but not of its public entry.

export { readGigabytes } from '../packages/engine/src/limits.ts'

/**
 * GFLOP/s of multiply-adds (two operations each) on one thread of a target, of bfloat16 numbers in the faster of the ways
 * there are: as they are, or as float32. Several threads have a core each: their limit is so many times this, and another
 * program that runs meanwhile does not lower it.
 */
export async function multiplyAddGflops(target: CpuTarget = 'auto', factors: Precision = 'float32'): Promise<number> {
  const device = createCpuDevice({ threads: 1, target })
  const speed = Math.max(gflops(device), factors === 'bf16' ? gflops(device, 'bf16') : 0)
  await device.close()
  return speed
}
