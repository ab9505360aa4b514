import { EngineError, requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { pagesOf, placeInPages, rowInPages } from './cachePages.ts'
import { normalise } from './rmsNorm.ts'
import { type RotaryTable, rotatePairs } from './rotary.ts'

/**
 * to[:rank] = x[r,:rank] / rms(x[r,:rank]) · norm, and to[rank:] = x[r,rank:], rotated as by `rotary`, where to is
 * position positions[r] of row r's pages (see cachePages.ts). x: [rows, rank + ropeDim]; norm: [rank]; cos, sin: [positions, ropeDim/2]; cache: [pages·size, rank + ropeDim];
 * no two rows go to the same place.
 */
const forward = kernel({
  name: 'appendLatents',
  params: {
    x: f32s,
    norm: f32s,
    cos: f32s,
    sin: f32s,
    positions: i32s,
    table: i32s,
    cache: f32s,
    rows: i32,
    rank: i32,
    ropeDim: i32,
    interleaved: i32,
    tableRow: i32,
    size: i32,
    eps: f32,
  },
  reference({ x, norm, cos, sin, positions, table, cache, rows, rank, ropeDim, interleaved, tableRow, size, eps }) {
    const width = rank + ropeDim
    const half = ropeDim / 2
    for (let r = 0; r < rows; r++) {
      const [from, to] = [r * width, rowInPages(table, r * tableRow, size, positions[r]!) * width]
      let sum = 0
      for (let i = 0; i < rank; i++) sum += x[from + i]! ** 2
      const scale = 1 / Math.sqrt(sum / rank + eps)
      for (let i = 0; i < rank; i++) cache[to + i] = x[from + i]! * scale * norm[i]!
      for (let i = 0; i < half; i++) {
        const first = rank + (interleaved ? 2 * i : i)
        const second = first + (interleaved ? 1 : half)
        const [c, s] = [cos[positions[r]! * half + i]!, sin[positions[r]! * half + i]!]
        cache[to + first] = x[from + first]! * c - x[from + second]! * s
        cache[to + second] = x[from + second]! * c + x[from + first]! * s
      }
    }
  },
  build(k, { x, norm, cos, sin, positions, table, cache, rows, rank, ropeDim, interleaved, tableRow, size, eps }) {
    const width = rank.add(ropeDim)
    const half = ropeDim.div(2)
    k.rows(rows, r => {
      const position = positions.at(r)
      const place = placeInPages(table.from(r.mul(tableRow)), size, position)
      const [from, to] = [x.from(r.mul(width)), cache.from(place.mul(width))]
      normalise(k, from, norm, to, rank, eps)
      const [key, rotated] = [from.from(rank), to.from(rank)]
      const [c, s] = [cos, sin].map(table => table.from(position.mul(half)))
      const turn = (pairs: boolean) => () =>
        rotatePairs(k, {
          pairs,
          half,
          x: key,
          cos: i => c!.at(i),
          sin: i => s!.at(i),
          put: (i, y) => rotated.set(i, y),
        })
      k.if(interleaved.ne(0), turn(true), turn(false))
    })
  },
  work: ({ rows, rank, ropeDim }) => rows * (3 * rank + 4 * ropeDim),
})

export const appendLatentsKernels = [forward]

export interface LatentOptions {
  eps: number
  /** Pairs of the rotary key, as in `rotary`. */
  interleaved: boolean
}

/**
 * What multi-head latent attention caches of new tokens (DeepSeek-V2, section 2.1): the latent, normalised, and the key
 * that all heads share, rotated. Row r goes to cache[positions[r]]; no gradient. x: [rows, rank + ropeDim]; norm: [rank];
 * cache: [capacity, rank + ropeDim]; positions: i32 [rows], all different. Of a cache [rows, capacity, rank + ropeDim]
 * row r goes to cache[r, positions[r]]; of [pages, size, rank + ropeDim] into the pages of its sequence, `pages`: i32
 * [rows or 1, most pages of a sequence]. An `index` error for a position beyond the
 * cache or the table.
 */
export function appendLatents(
  cache: Tensor,
  x: Tensor,
  norm: Tensor,
  { cos, sin }: RotaryTable,
  positions: Tensor,
  { eps, interleaved }: LatentOptions,
  pages?: Tensor,
): void {
  const [rows, width] = x.shape as [number, number]
  const rank = norm.size
  const ropeDim = width - rank
  const places = pagesOf(rows, cache, pages)
  requireShape(
    places !== undefined &&
      x.shape.length === 2 &&
      cache.shape.at(-1) === width &&
      positions.size === rows &&
      cos.shape[1] === ropeDim / 2,
    () =>
      `appendLatents: [${x.shape}] at ${positions.size} positions, a norm of ${rank} and angles [${cos.shape}] do not fit a cache [${cache.shape}]`,
  )
  const { capacity, ...lookup } = places
  const end = Math.min(capacity, cos.shape[0]!)
  for (const position of positions.integers) {
    if (position < 0 || position >= end) {
      throw new EngineError(
        'index',
        `appendLatents: position ${position} is beyond ${end}; make a longer cache and table`,
      )
    }
  }
  const shape = {
    rows,
    rank,
    ropeDim,
    interleaved: interleaved ? 1 : 0,
    eps,
    ...lookup,
  }
  cache.device.run(forward, { x, norm, cos, sin, positions, cache, ...shape })
}
