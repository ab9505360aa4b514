import { createCpuDevice, linear } from '@modu/engine'
import { multiplyAddGflops } from './limits.ts'
import { bestSeconds } from './measure.ts'
import { onnxMatmulSeconds } from './peers/onnxMatmul.ts'
import { type Result, result } from './report.ts'

/** x [rows, k] times a weight [n, k]: a square one, then what a training step and a token of the nano shape need. */
const shapes = [
  { what: 'square', rows: 1024, n: 1024, k: 1024 },
  { what: 'output projection', rows: 4096, n: 256, k: 256 },
  { what: 'query, second factor', rows: 4096, n: 384, k: 128 },
  { what: 'dense gate and up', rows: 4096, n: 1536, k: 256 },
  { what: 'head, a chunk', rows: 256, n: 8192, k: 256 },
  { what: 'head, one token', rows: 1, n: 8192, k: 256 },
]

/** float32 matrix products, forward, on one thread and on two. */
export async function matmul(): Promise<Result> {
  const cases = []
  let headline: { ours: number; limit: number; peer: number | undefined } | undefined
  const oneThread = await multiplyAddGflops()
  for (const threads of [1, 2]) {
    const device = createCpuDevice({ threads })
    const limit = threads * oneThread
    for (const { what, rows, n, k } of shapes) {
      const x = device.from(randomNumbers(rows * k), [rows, k])
      const w = device.from(randomNumbers(n * k), [n, k])
      const flops = 2 * rows * n * k
      const seconds = bestSeconds(() => {
        linear(x, w)
        device.reset()
      })
      const peerSeconds = await onnxMatmulSeconds({ rows, n, k, threads })
      const ours = flops / seconds / 1e9
      const peer = peerSeconds === undefined ? undefined : flops / peerSeconds / 1e9
      const shape = `${rows}×${k} · ${k}×${n}`
      const ratio = peer === undefined ? null : ours / peer
      cases.push({ what, shape, threads, ours, peer: peer ?? null, ratio, limit, limitShare: ours / limit })
      if (what === 'square' && threads === 2) headline = { ours, limit, peer }
      device.release(x)
      device.release(w)
    }
    await device.close()
  }
  const peerName = headline!.peer === undefined ? undefined : 'onnxruntime-node'
  return result({ name: 'matmul', unit: 'GFLOP/s, 1024³, 2 threads', ...headline!, peerName, cases })
}

const randomNumbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => Math.random() - 0.5)
