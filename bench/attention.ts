import { attention as attend, createCpuDevice, type Device, Tape } from '@modu/engine'
import { multiplyAddGflops } from './limits.ts'
import { bestSeconds, option } from './measure.ts'
import { pythonPeer } from './peers/python.ts'
import { type Result, result } from './report.ts'
import { targets, wantsPeer } from './targets.ts'

interface Shape {
  what: string
  sequences: number
  tokens: number
  heads: number
  dim: number
  valueDim: number
}

const shapes: readonly Shape[] = [
  { what: 'long', sequences: 1, tokens: 2048, heads: 8, dim: 64, valueDim: 64 },
  { what: 'long, heads of nano', sequences: 1, tokens: 2048, heads: 8, dim: 48, valueDim: 32 },
  { what: 'a training step of nano', sequences: 16, tokens: 256, heads: 8, dim: 48, valueDim: 32 },
  { what: 'large heads', sequences: 1, tokens: 1024, heads: 8, dim: 192, valueDim: 128 },
]

/** Of one pass. */
interface Passes {
  forward: number
  backward: number
}

const sum = ({ forward, backward }: Passes): number => forward + backward

/** What products of a causal pass take; nothing is counted of what lies above the diagonal. */
function operations({ sequences, tokens, heads, dim, valueDim }: Shape): Passes {
  const pairs = (sequences * heads * tokens * (tokens + 1)) / 2
  return { forward: 2 * pairs * (dim + valueDim), backward: 2 * pairs * (3 * dim + 2 * valueDim) }
}

/** Causal attention in float32, forward and backward, on `--threads` (2). */
export async function attention(args: string[]): Promise<Result> {
  const threads = Number(option(args, 'threads', '2'))
  const peer = wantsPeer(args) ? await pythonPeer('attention', { shapes, threads, seconds: 1 }) : undefined
  const peerSeconds = peer?.shapes as Passes[] | undefined
  const cases = []
  for (const target of targets(args)) {
    const limit = threads * (await multiplyAddGflops(target))
    const device = createCpuDevice({ threads, target })
    for (const [i, shape] of shapes.entries()) {
      cases.push({ target, ...compared(shape, measure(device, shape), peerSeconds?.[i], limit) })
    }
    await device.close()
  }
  const best = cases.filter(({ what }) => what === shapes[0]!.what).reduce((a, b) => (b.ours > a.ours ? b : a))
  const { ours, limit } = best
  const against = best.peer === null ? {} : { peer: best.peer, peerName: 'PyTorch scaled_dot_product_attention' }
  return result({ name: 'attention', unit: `GFLOP/s, ${best.shape}`, ours, limit, ...against, cases })
}

function compared(shape: Shape, seconds: Passes, peerSeconds: Passes | undefined, limit: number) {
  const { what, sequences, tokens, heads, dim, valueDim } = shape
  const work = operations(shape)
  const gflops = (passes: Passes) => sum(work) / sum(passes) / 1e9
  const ours = gflops(seconds)
  const peer = peerSeconds ? gflops(peerSeconds) : null
  return {
    what,
    shape: `${sequences}×${tokens}, ${heads} heads of ${dim}/${valueDim}`,
    'forward ms': 1000 * seconds.forward,
    'peer forward': peerSeconds ? 1000 * peerSeconds.forward : null,
    'backward ms': 1000 * seconds.backward,
    'peer backward': peerSeconds ? 1000 * peerSeconds.backward : null,
    ours,
    peer,
    ratio: peer === null ? null : ours / peer,
    limit,
    limitShare: ours / limit,
  }
}

function measure(device: Device, { sequences, tokens, heads, dim, valueDim }: Shape): Passes {
  const random = (width: number) => {
    const axes = [sequences * tokens, heads, width]
    const x = device.from(Float32Array.from({ length: axes[0]! * heads * width }, gaussian), axes)
    x.requiresGrad = true
    x.grad = device.persistent(axes)
    return x
  }
  const [q, k, v] = [random(dim), random(dim), random(valueDim)]
  const passes = { forward: Number.POSITIVE_INFINITY, backward: Number.POSITIVE_INFINITY }
  const timed = (pass: keyof Passes, work: () => void) => {
    const start = performance.now()
    work()
    passes[pass] = Math.min(passes[pass], (performance.now() - start) / 1000)
  }
  bestSeconds(
    () => {
      const tape = new Tape()
      device.tape = tape
      const loss = device.temporary([])
      timed('forward', () => {
        const y = attend(q, k, v, { sequences, scale: dim ** -0.5 })
        tape.record(loss, () => device.fill(tape.gradient(y), 1))
      })
      timed('backward', () => tape.backward(loss))
      device.tape = undefined
      device.reset()
    },
    { seconds: 2 },
  )
  for (const x of [q, k, v]) {
    device.release(x.grad!)
    device.release(x)
  }
  return passes
}

/** Box & Muller 1958. */
const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
