import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { copyColumns } from './copyColumns.ts'

/** The columns of a, then those of b. a: [rows, n]; b: [rows, m]; returns [rows, n + m]. */
export function concat(a: Tensor, b: Tensor): Tensor {
  const [rows, n] = a.shape as [number, number]
  const m = b.shape[1]!
  requireShape(
    a.shape.length === 2 && b.shape.length === 2 && b.shape[0] === rows,
    () => `concat: [${a.shape}] and [${b.shape}] are not matrices with equally many rows`,
  )
  const { device } = a
  const y = device.temporary([rows, n + m])
  const parts = [
    { part: a, n, start: 0 },
    { part: b, n: m, start: n },
  ]
  for (const { part, n: columns, start } of parts) {
    const layout = { rows, n: columns, xRow: columns, xStart: 0, yRow: n + m, yStart: start, add: 0 }
    device.run(copyColumns, { x: part, y, ...layout })
  }
  const tape = tapeOf(a, b)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    for (const { part, n: columns, start } of parts) {
      if (!part.requiresGrad) continue
      const layout = { rows, n: columns, xRow: n + m, xStart: start, yRow: columns, yStart: 0, add: 1 }
      device.run(copyColumns, { x: dy, y: tape.gradient(part), ...layout })
    }
  })
  return y
}
