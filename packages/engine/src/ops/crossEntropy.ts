import { tapeOf } from '../autograd.ts'
import { EngineError, requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { exp, log } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

/** Rows with this label take no part in the loss. */
export const ignoredLabel = -100

/**
 * lse[r] = log Σ_v exp(logits[r,v]) and losses[r] = lse[r] − logits[r, labels[r]]; 0 where the label is negative.
 * logits: [rows, n]; labels, lse, losses: [rows].
 */
export const softmaxLoss = kernel({
  name: 'softmaxLoss',
  params: { logits: f32s, labels: i32s, lse: f32s, losses: f32s, rows: i32, n: i32 },
  reference({ logits, labels, lse, losses, rows, n }) {
    for (let r = 0; r < rows; r++) {
      let largest = -Infinity
      for (let v = 0; v < n; v++) largest = Math.max(largest, logits[r * n + v]!)
      let sum = 0
      for (let v = 0; v < n; v++) sum += Math.exp(logits[r * n + v]! - largest)
      lse[r] = largest + Math.log(sum)
      losses[r] = labels[r]! < 0 ? 0 : lse[r]! - logits[r * n + labels[r]!]!
    }
  },
  build(k, { logits, labels, lse, losses, rows, n }) {
    k.rows(rows, r => {
      const row = logits.from(r.mul(n))
      const largest = k.max(n, i => row.at(i))
      const result = log(k.sum(n, i => exp(row.at(i).sub(largest)))).add(largest)
      lse.set(r, result)
      const label = labels.at(r)
      k.if(
        label.lt(0),
        () => losses.set(r, 0),
        () => losses.set(r, result.sub(row.at(label))),
      )
    })
  },
  work: ({ rows, n }) => 8 * rows * n,
})

/**
 * dlogits[r,v] (add ? += : =) factors[r] · (exp(logits[r,v] − lse[r]) − [v = labels[r]]); a row with a negative label
 * gets nothing (add) or zeros. dlogits may be logits. factors: [rows]; other shapes as in `softmaxLoss`.
 */
export const softmaxLossBackward = kernel({
  name: 'softmaxLoss.backward',
  params: { logits: f32s, labels: i32s, lse: f32s, dlogits: f32s, factors: f32s, rows: i32, n: i32, add: i32 },
  reference({ logits, labels, lse, dlogits, factors, rows, n, add }) {
    for (let r = 0; r < rows; r++) {
      const label = labels[r]!
      for (let v = 0; v < n; v++) {
        const at = r * n + v
        const p = label < 0 ? 0 : Math.exp(logits[at]! - lse[r]!) - (v === label ? 1 : 0)
        dlogits[at] = (add ? dlogits[at]! : 0) + factors[r]! * p
      }
    }
  },
  build(k, { logits, labels, lse, dlogits, factors, rows, n, add }) {
    const body = (adds: boolean) =>
      k.rows(rows, r => {
        const [row, target] = [logits.from(r.mul(n)), dlogits.from(r.mul(n))]
        const label = labels.at(r)
        const shift = lse.at(r)
        const factor = factors.at(r)
        const counted = () => {
          k.lanes(n, i => {
            const p = exp(row.at(i).sub(shift)).mul(factor)
            target.set(i, adds ? target.at(i).add(p) : p)
          })
          target.set(label, target.at(label).sub(factor))
        }
        const ignored = () => {
          if (!adds) k.lanes(n, i => target.set(i, 0))
        }
        k.if(label.lt(0), ignored, counted)
      })
    k.if(
      add.ne(0),
      () => body(true),
      () => body(false),
    )
  },
  work: ({ rows, n }) => 8 * rows * n,
})

/**
 * losses[r] = −log softmax(logits[r,:])[labels[r]], and in place of the logits factor times their gradient,
 * softmax(logits[r,:]) − [v = labels[r]]: one pass over memory. logits: [rows, n]; labels, none negative, and losses: [rows].
 */
export const softmaxLossInPlace = kernel({
  name: 'softmaxLoss.inPlace',
  params: { logits: f32s, labels: i32s, losses: f32s, rows: i32, n: i32, factor: f32 },
  reference({ logits, labels, losses, rows, n, factor }) {
    for (let r = 0; r < rows; r++) {
      const row = logits.subarray(r * n, (r + 1) * n)
      const label = labels[r]!
      let largest = -Infinity
      for (const logit of row) largest = Math.max(largest, logit)
      let sum = 0
      for (const logit of row) sum += Math.exp(logit - largest)
      losses[r] = largest + Math.log(sum) - row[label]!
      for (let v = 0; v < n; v++) row[v] = factor * (Math.exp(row[v]! - largest) / sum - (v === label ? 1 : 0))
    }
  },
  build(k, { logits, labels, losses, rows, n, factor }) {
    k.rows(rows, r => {
      const row = logits.from(r.mul(n))
      const label = labels.at(r)
      const largest = k.max(n, i => row.at(i))
      const shift = largest.sub(row.at(label))
      const sum = k.sum(n, i => {
        const e = exp(row.at(i).sub(largest))
        row.set(i, e)
        return e
      })
      losses.set(r, log(sum).add(shift))
      const share = factor.div(sum)
      k.lanes(n, i => row.set(i, row.at(i).mul(share)))
      row.set(label, row.at(label).sub(factor))
    })
  },
  work: ({ rows, n }) => 12 * rows * n,
})

export const crossEntropyKernels = [softmaxLoss, softmaxLossBackward, softmaxLossInPlace]

/** How many labels count; an `index` error for one that is neither a class nor the ignored label. */
export function countLabels(labels: Tensor, classes: number): number {
  let count = 0
  for (const label of labels.integers) {
    if (label === ignoredLabel) continue
    if (label < 0 || label >= classes) {
      throw new EngineError('index', `cross-entropy: label ${label} is neither in 0…${classes - 1} nor ${ignoredLabel}`)
    }
    count++
  }
  return count
}

/** Σ values / count in float64 and in order; 0 if nothing counts. */
export function meanOf(values: Tensor, count: number): number {
  let sum = 0
  for (const value of values.reals) sum += value
  return count === 0 ? 0 : sum / count
}

/**
 * Mean over the rows whose label is not −100 of −log softmax(logits)[label], in nats; 0 if there is none.
 * logits: [rows, V]; labels: i32 [rows]; returns a scalar. The gradient is made from the logits and one number a row:
 * no probabilities are stored.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [rows, n] = logits.shape as [number, number]
  requireShape(
    logits.shape.length === 2 && labels.size === rows,
    () => `crossEntropy: labels [${labels.shape}] do not fit the logits [${logits.shape}]`,
  )
  const { device } = logits
  const count = countLabels(labels, n)
  const lse = device.temporary([rows])
  const losses = device.temporary([rows])
  device.run(softmaxLoss, { logits, labels, lse, losses, rows, n })
  const loss = device.temporary([])
  device.fill(loss, meanOf(losses, count))
  const tape = count > 0 ? tapeOf(logits) : undefined
  tape?.record(loss, () => {
    const factors = device.temporary([rows])
    device.fill(factors, tape.gradient(loss).reals[0]! / count)
    device.run(softmaxLossBackward, { logits, labels, lse, dlogits: tape.gradient(logits), factors, rows, n, add: 1 })
  })
  return loss
}
