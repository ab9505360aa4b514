import { attention as attend, createCpuDevice, type Device, Tape } from '@modu/engine'
import { multiplyAddGflops } from './limits.ts'
import { bestSeconds, option } from './measure.ts'
import { pythonPeer } from './peers/python.ts'
import { type Result, result } from './report.ts'

interface Shape {
  what: string
  sequences: number
  tokens: number
  heads: number
  dim: number
  valueDim: number
}

const shapes: Shape[] = [
  { what: 'long sequence', sequences: 1, tokens: 2048, heads: 8, dim: 64, valueDim: 64 },
  { what: 'long, nano heads', sequences: 1, tokens: 2048, heads: 8, dim: 48, valueDim: 32 },
  { what: 'nano, training', sequences: 16, tokens: 256, heads: 8, dim: 48, valueDim: 32 },
  { what: 'large heads', sequences: 1, tokens: 1024, heads: 8, dim: 192, valueDim: 128 },
]

interface Times {
  forward: number
  backward: number
}

/** Products of a causal pass: what lies above the diagonal is not counted. */
function operations({ sequences, tokens, heads, dim, valueDim }: Shape): Times {
  const pairs = (sequences * heads * tokens * (tokens + 1)) / 2
  return { forward: 2 * pairs * (dim + valueDim), backward: 2 * pairs * (3 * dim + 2 * valueDim) }
}

/** Causal attention, forward and backward, on two threads; more is better, also past the peer. */
export async function attention(args: string[]): Promise<Result> {
  const threads = Number(option(args, 'threads', '2'))
  const peers = await pythonPeer('attention', { shapes, threads, seconds: 1 })
  const peerTimes = peers?.shapes as Times[] | undefined
  const device = createCpuDevice({ threads })
  const limit = threads * (await multiplyAddGflops())
  const cases = shapes.map((shape, i) => {
    const ours = measure(device, shape)
    const peer = peerTimes?.[i]
    const work = operations(shape)
    const both = (times: Times) => (work.forward + work.backward) / (times.forward + times.backward) / 1e9
    const { what, sequences, tokens, heads, dim, valueDim } = shape
    return {
      what,
      shape: `${sequences}×${tokens}, ${heads} heads of ${dim}/${valueDim}`,
      target: device.target,
      'forward, ms': 1000 * ours.forward,
      peer: peer ? 1000 * peer.forward : null,
      'backward, ms': 1000 * ours.backward,
      'peer ': peer ? 1000 * peer.backward : null,
      'GFLOP/s': both(ours),
      ratio: peer ? both(ours) / both(peer) : null,
      limitShare: both(ours) / limit,
      peerGflops: peer ? both(peer) : null,
    }
  })
  await device.close()
  const { 'GFLOP/s': ours, peerGflops } = cases[0]!
  const compared = peerGflops === null ? {} : { peer: peerGflops, peerName: 'PyTorch scaled_dot_product_attention' }
  return result({ name: 'attention', unit: 'GFLOP/s, forward and backward', ours, limit, ...compared, cases })
}

function measure(device: Device, shape: Shape): Times {
  const { sequences, tokens, heads, dim, valueDim } = shape
  const tensor = (width: number) => {
    const axes = [sequences * tokens, heads, width]
    const x = device.from(Float32Array.from({ length: axes[0]! * heads * width }, gaussian), axes)
    x.requiresGrad = true
    x.grad = device.persistent(axes)
    return x
  }
  const [q, k, v] = [tensor(dim), tensor(dim), tensor(valueDim)]
  const forward = () => attend(q, k, v, { sequences, scale: dim ** -0.5 })
  const seconds = bestSeconds(() => {
    forward()
    device.reset()
  })
  let backward = Number.POSITIVE_INFINITY
  bestSeconds(() => {
    device.tape = new Tape()
    const y = forward()
    const loss = device.temporary([])
    device.tape.record(loss, () => device.fill(device.tape!.gradient(y), 1))
    const start = performance.now()
    device.tape.backward(loss)
    backward = Math.min(backward, (performance.now() - start) / 1000)
    device.tape = undefined
    device.reset()
  })
  for (const x of [q, k, v]) {
    device.release(x.grad!)
    device.release(x)
  }
  return { forward: seconds, backward }
}

/** Box & Muller 1958. */
const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
