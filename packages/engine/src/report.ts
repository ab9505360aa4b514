import { cpus } from 'node:os'
import { type CpuOptions, type CpuTarget, createCpuDevice } from './device/cpu.ts'
import type { Device } from './device/device.ts'
import { type NativeSupport, nativeSupport, type Obstacle } from './device/native.ts'
import type { Features, X64Target } from './kernel/x64/features.ts'
import { bestSeconds, multiplyAddGflops, type NumberFormat, readGigabytes } from './limits.ts'
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
  /** The engine's product of two 512×512 matrices, by its precision. */
  readonly matmul: { readonly f32: number; readonly bf16: number }
  /** Reading memory in sequence, more of it than caches hold. */
  readonly memory: number
}

type FeatureName = keyof Omit<Features, 'vendor' | 'brand'>

/** More than the caches of most processors hold. */
const memoryBytes = 256 << 20
/** Side of the matrices. */
const side = 512
/** For each speed, in each of three turns. */
const patience = { seconds: 0.15 }

/** Looks at this machine and measures it for about three seconds. A `device` error for a target it cannot run. */
export async function engineReport(options: CpuOptions = {}): Promise<EngineReport> {
  const support = nativeSupport()
  const features = support.ok ? support.features : undefined
  const device = createCpuDevice(options)
  const bare = createCpuDevice({ ...options, target: withEverything(device.target, support) })
  const rounding = createCpuDevice({ ...options, precision: 'bf16' })
  const [limits, matmul] = [
    { f32: 0, bf16: 0, int8: 0 },
    { f32: 0, bf16: 0 },
  ]
  try {
    // In turns, so that what disturbs one disturbs the others, too.
    for (let round = 0; round < 3; round++) {
      for (const format of ['f32', 'bf16', 'int8'] as const) {
        limits[format] = Math.max(limits[format], multiplyAddGflops(bare, format, patience))
      }
      matmul.f32 = Math.max(matmul.f32, matmulGflops(device))
      matmul.bf16 = Math.max(matmul.bf16, matmulGflops(rounding))
    }
    return {
      processor: features?.brand || (cpus()[0]?.model.trim() ?? process.arch),
      features: features && namesOf(features),
      target: device.target,
      obstacle: support.ok ? undefined : { kind: support.obstacle, reason: support.reason },
      threads: device.threads,
      limits,
      matmul,
      memory: readGigabytes(device, memoryBytes, { seconds: 0.6 }),
    }
  } finally {
    await Promise.all([device, bare, rounding].map(each => each.close()))
  }
}

/** The target, with what the engine leaves aside because it is slow: a limit is what the processor can do. */
function withEverything(target: string, support: NativeSupport): CpuTarget | X64Target {
  const x64 = support.ok ? support.targets.find(({ name }) => name === target) : undefined
  return support.ok && x64?.name === 'x64-avx512' ? { ...x64, bf16: support.features.bf16 } : (target as CpuTarget)
}

const namesOf = ({ vendor: _, brand: __, ...flags }: Features): FeatureName[] =>
  Object.entries(flags).flatMap(([name, has]) => (has ? [name as FeatureName] : []))

function matmulGflops(device: Device): number {
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
