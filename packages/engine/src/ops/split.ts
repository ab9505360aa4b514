import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { copyColumns } from './copyColumns.ts'

/** The columns before and from `at` on. x: [rows, n]; returns [rows, at] and [rows, n − at]. */
export function split(x: Tensor, at: number): [left: Tensor, right: Tensor] {
  const [rows, n] = x.shape as [number, number]
  requireShape(x.shape.length === 2 && at > 0 && at < n, () => `split: [${x.shape}] cannot be split at column ${at}`)
  return [columns(x, rows, n, 0, at), columns(x, rows, n, at, n - at)]
}

function columns(x: Tensor, rows: number, row: number, start: number, n: number): Tensor {
  const { device } = x
  const y = device.temporary([rows, n])
  device.run(copyColumns, { x, y, rows, n, xRow: row, xStart: start, yRow: n, yStart: 0, add: 0 })
  const tape = tapeOf(x)
  tape?.record(y, () => {
    const layout = { rows, n, xRow: n, xStart: 0, yRow: row, yStart: start, add: 1 }
    device.run(copyColumns, { x: tape.gradient(y), y: tape.gradient(x), ...layout })
  })
  return y
}
