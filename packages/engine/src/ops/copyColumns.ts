import { f32s, i32, kernel } from '../kernel/kernel.ts'

/** y[r·yRow + yStart + i] (add ? += : =) x[r·xRow + xStart + i] for r < rows, i < n: a block of columns. */
export const copyColumns = kernel({
  name: 'copyColumns',
  params: { x: f32s, y: f32s, rows: i32, n: i32, xRow: i32, xStart: i32, yRow: i32, yStart: i32, add: i32 },
  reference({ x, y, rows, n, xRow, xStart, yRow, yStart, add }) {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        const to = r * yRow + yStart + i
        y[to] = (add ? y[to]! : 0) + x[r * xRow + xStart + i]!
      }
    }
  },
  build(k, { x, y, rows, n, xRow, xStart, yRow, yStart, add }) {
    const body = (adds: boolean) =>
      k.rows(rows, r => {
        const from = x.from(r.mul(xRow).add(xStart))
        const to = y.from(r.mul(yRow).add(yStart))
        k.lanes(n, i => to.set(i, adds ? to.at(i).add(from.at(i)) : from.at(i)))
      })
    k.if(
      add.ne(0),
      () => body(true),
      () => body(false),
    )
  },
  work: ({ rows, n }) => rows * n,
})

export const copyColumnsKernels = [copyColumns]
