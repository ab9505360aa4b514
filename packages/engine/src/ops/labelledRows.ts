import { requireShape } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { countLabels, ignoredLabel } from './crossEntropy.ts'
import { gatherRows } from './embedding.ts'

/** The rows of an input whose label counts: in chat fine-tuning most are ignored. */
export interface LabelledRows {
  readonly count: number
  /** Where they stand in the input, and their labels: i32 [count]. */
  readonly ids: Tensor
  readonly targets: Tensor
  /** [count, n]. */
  readonly input: Tensor
}

/**
 * Gathers the rows of x that have a label, for a product with w. x: [rows, n]; w: [V, n]; labels: i32 [rows], −100 is
 * ignored. A `shape` error, which begins by `operation`, if they do not fit together; an `index` error for other labels.
 */
export function labelledRows(operation: string, x: Tensor, w: Tensor, labels: Tensor): LabelledRows {
  const [classes, n] = w.shape as [number, number]
  requireShape(
    w.shape.length === 2 && x.size === labels.size * n && x.shape.at(-1) === n,
    () => `${operation}: x [${x.shape}], w [${w.shape}] and labels [${labels.shape}] do not fit together`,
  )
  const { device } = x
  const count = countLabels(labels, classes)
  const ids = device.temporary([count], 'i32')
  const targets = device.temporary([count], 'i32')
  let next = 0
  for (const [row, label] of labels.integers.entries()) {
    if (label === ignoredLabel) continue
    ids.integers[next] = row
    targets.integers[next++] = label
  }
  const input = device.temporary([count, n])
  if (count > 0) device.run(gatherRows, { w: x, ids, y: input, rows: count, n })
  return { count, ids, targets, input }
}
