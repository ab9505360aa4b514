import { bestSecondsAsync } from '../measure.ts'
import { matmulModel } from './onnxModel.ts'

/** The part of onnxruntime-node that is used here; the package is installed in this folder only, if at all. */
interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array, options: Record<string, unknown>): Promise<OnnxSession> }
  Tensor: new (type: 'float32', data: Float32Array, shape: number[]) => unknown
}
interface OnnxSession {
  run(feeds: Record<string, unknown>): Promise<unknown>
  release(): Promise<void>
}

let runtime: Promise<OnnxRuntime | undefined> | undefined

/** onnxruntime-node, or undefined with a hint on stderr if it is not installed. */
function load(): Promise<OnnxRuntime | undefined> {
  const name = 'onnxruntime-node'
  runtime ??= import(name).catch(() => {
    console.error('No peer: install it with `ONNXRUNTIME_NODE_INSTALL=skip npm install --prefix bench`.')
    return undefined
  })
  return runtime
}

/** Seconds of one product [rows, k] · [k, n], both given anew, as in training; undefined without the package. */
export async function onnxMatmulSeconds(size: {
  rows: number
  n: number
  k: number
  threads: number
}): Promise<number | undefined> {
  const onnx = await load()
  if (!onnx) return undefined
  const { rows, n, k, threads } = size
  const session = await onnx.InferenceSession.create(matmulModel(rows, k, n), { intraOpNumThreads: threads })
  const numbers = (count: number) => Float32Array.from({ length: count }, () => Math.random() - 0.5)
  const feeds = {
    a: new onnx.Tensor('float32', numbers(rows * k), [rows, k]),
    b: new onnx.Tensor('float32', numbers(k * n), [k, n]),
  }
  const seconds = await bestSecondsAsync(async () => {
    await session.run(feeds)
  })
  await session.release()
  return seconds
}
