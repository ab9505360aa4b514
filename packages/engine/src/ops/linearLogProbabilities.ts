import { tapeOf } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { softmaxLoss, softmaxLossBackward } from './crossEntropy.ts'
import { scatterAddRows } from './embedding.ts'
import { type LabelledRows, labelledRows } from './labelledRows.ts'
import { addOuter, multiply, multiplyTransposed } from './linear.ts'

/** Rows whose logits exist at one time. */
const defaultChunk = 512

/**
 * log softmax(x·wᵀ)[label] of each row, in nats; 0 where the label is ignored. Only a chunk of the logits ever exists.
 * x: [rows, n]; w: [V, n]; labels: i32 [rows], −100 is ignored; returns [rows], without a gradient.
 */
export function linearLogProbabilities(x: Tensor, w: Tensor, labels: Tensor, chunk = defaultChunk): Tensor {
  const rows = labelledRows('linearLogProbabilities', x, w, labels)
  const result = x.device.temporary([labels.size])
  x.device.fill(result, 0)
  for (const { losses, from, to } of chunks(rows, w, chunk))
    for (let i = from; i < to; i++) result.reals[rows.ids.integers[i]!] = -losses.reals[i - from]!
  return result
}

/** A loss of the log-probability of one row's label, and its derivative by it. */
export type LogProbabilityLoss = (logProbability: number, row: number) => { loss: number; slope: number }

/**
 * Σ over the rows that count of `lossOf(log softmax(x·wᵀ)[label], row)`: any loss that is a function of the labels'
 * log-probabilities, as in policy gradients. Shapes as in `linearLogProbabilities`; returns a scalar. `lossOf` is called
 * once for each row with a label, in order.
 *
 * As in `linearCrossEntropy` the gradients are made during the forward pass, and assume that the loss is used with a
 * gradient of 1; `backward` throws a `gradient` error if another one arrives.
 */
export function linearLogProbabilityLoss(
  x: Tensor,
  w: Tensor,
  labels: Tensor,
  lossOf: LogProbabilityLoss,
  chunk = defaultChunk,
): Tensor {
  const { device } = x
  const [classes, n] = w.shape as [number, number]
  const rows = labelledRows('linearLogProbabilityLoss', x, w, labels)
  const tape = rows.count > 0 ? tapeOf(x, w) : undefined
  const dinput = tape && x.requiresGrad ? device.temporary([rows.count, n]) : undefined
  const factors = device.temporary([Math.min(chunk, rows.count)])
  let sum = 0
  for (const { logits, lse, losses, from, to } of chunks(rows, w, chunk)) {
    for (let i = from; i < to; i++) {
      const { loss, slope } = lossOf(-losses.reals[i - from]!, rows.ids.integers[i]!)
      sum += loss
      factors.reals[i - from] = -slope
    }
    if (!tape) continue
    const [size, targets] = [to - from, rows.targets.rows(from, to)]
    const gradient = { logits, labels: targets, lse, dlogits: logits, rows: size, n: classes, factors, add: 0 }
    device.run(softmaxLossBackward, gradient)
    if (dinput) multiply(logits, w, dinput.rows(from, to), size, classes, n, 0)
    if (w.requiresGrad) addOuter(logits, rows.input.rows(from, to), tape.gradient(w), size, classes, n)
  }
  const loss = device.temporary([])
  device.fill(loss, sum)
  tape?.record(loss, () => {
    const factor = tape.gradient(loss).reals[0]!
    if (factor !== 1)
      throw new EngineError('gradient', `linearLogProbabilityLoss needs an upstream gradient of 1, got ${factor}`)
    if (dinput) device.run(scatterAddRows, { dy: dinput, ids: rows.ids, dw: tape.gradient(x), rows: rows.count, n })
  })
  return loss
}

/** Logits of a chunk of rows, [to − from, V], with their log Σ exp and the losses −log softmax[label], [to − from] each. */
interface Chunk {
  readonly logits: Tensor
  readonly lse: Tensor
  readonly losses: Tensor
  readonly from: number
  readonly to: number
}

/** Chunk after chunk; the next one writes over it. */
function* chunks({ count, input, targets }: LabelledRows, w: Tensor, chunk: number): Generator<Chunk> {
  const { device } = w
  const [classes, n] = w.shape as [number, number]
  const most = Math.min(chunk, count)
  const logits = device.temporary([most, classes])
  const [lse, losses] = [device.temporary([most]), device.temporary([most])]
  for (let from = 0; from < count; from += chunk) {
    const to = Math.min(from + chunk, count)
    const rows = to - from
    multiplyTransposed(input.rows(from, to), w, logits, rows, classes, n)
    device.run(softmaxLoss, { logits, labels: targets.rows(from, to), lse, losses, rows, n: classes })
    yield { logits, lse, losses, from, to }
  }
}
