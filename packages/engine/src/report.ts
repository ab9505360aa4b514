import { cpus } from 'node:os'
import { type CpuOptions, createCpuDevice } from './device/cpu.ts'
import type { Device } from './device/device.ts'
import { nativeSupport, type Obstacle } from './device/native.ts'
import type { Features } from './kernel/x64/features.ts'
import { bestSeconds, multiplyAddGflops, type NumberFormat, type Patience, readGigabytes } from './limits.ts'
import { linear } from './ops/linear.ts'

/** What the engine finds here and how fast it is. Speeds are in 10⁹ operations (or bytes) a second, on all threads. */
export interface EngineReport {
  readonly processor: string
  /** Instruction sets that count for the engine; undefined where they cannot be asked for. */
  readonly features: readonly FeatureName[] | undefined
  /** The code generator in use. */
  readonly target: string
  /** What stands in the way of `x64`, with the reason in English; undefined where nothing does. */
  readonly obstacle: { readonly kind: Obstacle; readonly reason: string } | undefined
  readonly threads: number
  /** Multiply-adds from registers to registers, by the format of the factors: nothing can be faster. */
  readonly limits: Readonly<Record<NumberFormat, number>>
  /** The engine's product of two 512×512 matrices in float32. */
  readonly matmul: number
  /** Reading memory in sequence, more of it than caches hold. */
  readonly memory: number
}

type FeatureName = keyof Omit<Features, 'vendor' | 'brand'>

/** More than the caches of most processors hold. */
const memoryBytes = 256 << 20
/** Side of the matrices. */
const side = 512

/** Looks at this machine and measures it for about three seconds. A `device` error for a target it cannot run. */
export async function engineReport(options: CpuOptions = {}): Promise<EngineReport> {
  const support = nativeSupport()
  const features = support.ok ? support.features : undefined
  const device = createCpuDevice(options)
  try {
    // In turns, so that what disturbs one disturbs the other, too.
    let [f32, matmul] = [0, 0]
    for (let round = 0; round < 3; round++) {
      f32 = Math.max(f32, multiplyAddGflops(device, 'f32', { seconds: 0.2 }))
      matmul = Math.max(matmul, matmulGflops(device, { seconds: 0.2 }))
    }
    return {
      processor: features?.brand || (cpus()[0]?.model.trim() ?? process.arch),
      features: features && namesOf(features),
      target: device.target,
      obstacle: support.ok ? undefined : { kind: support.obstacle, reason: support.reason },
      threads: device.threads,
      limits: {
        f32,
        bf16: multiplyAddGflops(device, 'bf16', { seconds: 0.4 }),
        int8: multiplyAddGflops(device, 'int8', { seconds: 0.4 }),
      },
      matmul,
      memory: readGigabytes(device, memoryBytes, { seconds: 0.6 }),
    }
  } finally {
    await device.close()
  }
}

const namesOf = ({ vendor: _, brand: __, ...flags }: Features): FeatureName[] =>
  Object.entries(flags).flatMap(([name, has]) => (has ? [name as FeatureName] : []))

function matmulGflops(device: Device, patience: Patience): number {
  const numbers = Float32Array.from({ length: side * side }, (_, i) => Math.sin(i))
  const [x, w] = [device.from(numbers, [side, side]), device.from(numbers, [side, side])]
  const seconds = bestSeconds(() => {
    linear(x, w)
    device.reset()
  }, patience)
  device.release(x)
  device.release(w)
  return (2 * side ** 3) / seconds / 1e9
}
