import { createCpuDevice, type Device } from '@modu/engine'
import { multiplyAddGflops } from '../packages/engine/src/limits.ts'
import { groupedMatmul } from '../packages/engine/src/ops/groupedMatmul.ts'
import { addOuter, multiply, multiplyTransposed } from '../packages/engine/src/ops/linear.ts'
import { bestSeconds, option } from './measure.ts'
import { onnxMatmulSeconds } from './peers/onnxMatmul.ts'
import { type Result, result } from './report.ts'
import { wantsPeer } from './targets.ts'

// float32 products on every target that this machine has, on one thread and on two, beside onnxruntime in the same run.

const targets = ['x64-avx512', 'x64-avx2', 'wasm'] as const
type Target = (typeof targets)[number]
const threadCounts = [1, 2]

/** How the factors lie: x·wᵀ (forward), dy·w (gradient of the input), dyᵀ·x (of the weight), or x·wᵀ expert by expert. */
type Kind = 'forward' | 'input' | 'weight' | 'experts'

/** [rows, k] · [k, n]. */
interface Product {
  what: string
  kind: Kind
  rows: number
  k: number
  n: number
}

/** A square one, then what a training step and a token of the nano shape need. */
const products: Product[] = [
  { what: 'square', kind: 'forward', rows: 1024, k: 1024, n: 1024 },
  { what: 'dense up', kind: 'forward', rows: 4096, k: 256, n: 768 },
  { what: 'dense up', kind: 'input', rows: 4096, k: 768, n: 256 },
  { what: 'dense up', kind: 'weight', rows: 768, k: 4096, n: 256 },
  { what: 'output', kind: 'forward', rows: 4096, k: 256, n: 256 },
  { what: 'query', kind: 'forward', rows: 4096, k: 128, n: 384 },
  { what: 'head', kind: 'forward', rows: 4096, k: 256, n: 8192 },
  { what: 'experts', kind: 'experts', rows: 8192, k: 256, n: 256 },
  { what: 'head, one token', kind: 'forward', rows: 1, k: 256, n: 8192 },
  { what: 'head, eight', kind: 'forward', rows: 8, k: 256, n: 8192 },
]

const expertCount = 16

/** The work of one call, on factors of random numbers. */
function prepare(device: Device, { kind, rows, k, n }: Product): () => void {
  const random = (size: number) => {
    const tensor = device.temporary([size])
    for (let i = 0; i < size; i++) tensor.data[i] = Math.random() - 0.5
    return tensor
  }
  const a = random(rows * k)
  const c = device.temporary([rows, n])
  if (kind === 'experts') {
    const b = random(expertCount * k * n)
    const offsets = device.temporary([expertCount + 1], 'i32')
    offsets.data.set(raggedOffsets(rows))
    const sizes = { experts: expertCount, n, k, bBatch: k * n, bRow: 1, bCol: k, add: 0 }
    return () => device.run(groupedMatmul, { a, b, c, offsets, ...sizes })
  }
  const b = random(k * n)
  if (kind === 'input') return () => multiply(a, b, c, rows, k, n, 0)
  if (kind === 'weight') return () => addOuter(a, b, c, k, rows, n)
  return () => multiplyTransposed(a, b, c, rows, n, k)
}

/** Shares of the experts between a third of the mean and nearly twice of it. */
function raggedOffsets(slots: number): number[] {
  const weights = Array.from({ length: expertCount }, (_, e) => 1 + ((e * 7) % expertCount) / 3)
  const total = weights.reduce((a, b) => a + b)
  const offsets = [0]
  let before = 0
  for (const weight of weights) {
    before += weight
    offsets.push(Math.round((slots * before) / total))
  }
  return offsets
}

/** `--target NAME` measures only that one. The peer of the experts is one product over all slots, which is easier. */
export async function matmul(args: string[]): Promise<Result> {
  const chosen = option(args, 'target', '')
  const names = targets.filter(name => chosen === '' || name === chosen)
  const limits = await limitsOf(names)
  const cases = []
  let headline: { ours: number; limit: number; peer: number | undefined } | undefined
  for (const threads of threadCounts) {
    const devices = names.flatMap(target => deviceFor(target, threads) ?? [])
    for (const [i, product] of products.entries()) {
      const { what, kind, rows, k, n } = product
      const shape = `${rows}×${k} · ${k}×${n}`
      const flops = 2 * rows * n * k
      const peerSeconds = wantsPeer(args) ? await onnxMatmulSeconds({ rows, n, k, threads }) : undefined
      const peer = peerSeconds === undefined ? undefined : flops / peerSeconds / 1e9
      for (const device of devices) {
        const { target } = device
        const limit = threads * limits.get(target)!
        const ours = flops / bestSeconds(prepare(device, product)) / 1e9
        device.reset()
        const comparison = { ours, peer: peer ?? null, ratio: peer === undefined ? null : ours / peer }
        cases.push({ what, kind, shape, target, threads, ...comparison, limit, limitShare: ours / limit })
        if (i === 0 && threads === threadCounts.at(-1)) headline ??= { ours, limit, peer }
      }
    }
    await Promise.all(devices.map(device => device.close()))
  }
  if (!headline) throw new Error(`this machine has no target ${chosen}`)
  const peerName = headline.peer === undefined ? undefined : 'onnxruntime-node'
  return result({ name: 'matmul', unit: 'GFLOP/s, 1024³, 2 threads', ...headline, peerName, cases })
}

/** GFLOP/s of multiply-adds on one thread, which another program that runs meanwhile does not lower. */
async function limitsOf(names: readonly Target[]): Promise<Map<string, number>> {
  const limits = new Map<string, number>()
  for (const target of names) {
    const device = deviceFor(target, 1)
    if (device) limits.set(device.target, multiplyAddGflops(device))
    await device?.close()
  }
  return limits
}

/** A device, or undefined where this machine has no such target. */
function deviceFor(target: Target, threads: number): Device | undefined {
  try {
    return createCpuDevice({ threads, target })
  } catch {
    return undefined
  }
}
