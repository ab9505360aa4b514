import { tapeOf } from '../autograd.ts'
import { EngineError, requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Builder, Int, Real, Reals } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

/**
 * y[r,h,:] (add ? += : =) x[r,h,:] with the numbers from `start` on, `width` of them, rotated in pairs (a, b):
 * (a·cos − b·sin, b·cos + a·sin), pair i by cos, sin = tables[positions[r], i]; direction −1 turns back.
 * Pairs are neighbours (interleaved) or half the width apart. x, y: [rows, heads, dim]; cos, sin: [positions, width/2].
 * Where x and y are the same, `rest` is 0: all other numbers stay.
 */
const rotate = kernel({
  name: 'rotary',
  params: {
    x: f32s,
    y: f32s,
    cos: f32s,
    sin: f32s,
    positions: i32s,
    rows: i32,
    heads: i32,
    dim: i32,
    start: i32,
    width: i32,
    interleaved: i32,
    direction: f32,
    add: i32,
    rest: i32,
  },
  reference({ x, y, cos, sin, positions, rows, heads, dim, start, width, interleaved, direction, add, rest }) {
    const half = width / 2
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < heads; h++) {
        const head = (r * heads + h) * dim
        for (let i = 0; i < dim && rest; i++) {
          if (i < start || i >= start + width) y[head + i] = (add ? y[head + i]! : 0) + x[head + i]!
        }
        for (let i = 0; i < half; i++) {
          const first = head + start + (interleaved ? 2 * i : i)
          const second = first + (interleaved ? 1 : half)
          const c = cos[positions[r]! * half + i]!
          const s = direction * sin[positions[r]! * half + i]!
          const a = x[first]!
          const b = x[second]!
          y[first] = (add ? y[first]! : 0) + a * c - b * s
          y[second] = (add ? y[second]! : 0) + b * c + a * s
        }
      }
    }
  },
  build(k, { x, y, cos, sin, positions, rows, heads, dim, start, width, interleaved, direction, add, rest }) {
    const half = width.div(2)
    const body = (adds: boolean, pairs: boolean) =>
      k.rows(rows, r => {
        const [c, s] = [cos, sin].map(table => table.from(positions.at(r).mul(half))) as [Reals, Reals]
        k.loop(0, heads, h => {
          const head = r.mul(heads).add(h).mul(dim)
          const [input, output] = [x.from(head), y.from(head)]
          const put = (at: Int, value: Real) => output.set(at, adds ? output.at(at).add(value) : value)
          k.if(rest.ne(0), () => {
            k.lanes(start, i => put(i, input.at(i)))
            k.lanesFrom(start.add(width), dim, i => put(i, input.at(i)))
          })
          rotatePairs(k, {
            pairs,
            half,
            x: input.from(start),
            cos: i => c.at(i),
            sin: i => s.at(i).mul(direction),
            put: (i, value) => put(start.add(i), value),
          })
        })
      })
    const layouts = (adds: boolean) =>
      k.if(
        interleaved.ne(0),
        () => body(adds, true),
        () => body(adds, false),
      )
    k.if(
      add.ne(0),
      () => layouts(true),
      () => layouts(false),
    )
  },
  work: ({ rows, heads, dim }) => 4 * rows * heads * dim,
})

/** Turns `half` pairs (a, b) of x by the angle of each: neighbours if `pairs`, else `half` numbers apart. */
export function rotatePairs(
  k: Builder,
  {
    pairs,
    half,
    x,
    cos,
    sin,
    put,
  }: {
    pairs: boolean
    half: Int
    x: Reals
    cos(i: Int): Real
    sin(i: Int): Real
    put(i: Int, value: Real): void
  },
): void {
  const turn = (i: Int, first: Int, second: Int) => {
    const [a, b] = [x.at(first), x.at(second)]
    const [cosine, sine] = [cos(i), sin(i)]
    put(first, a.mul(cosine).sub(b.mul(sine)))
    put(second, b.mul(cosine).add(a.mul(sine)))
  }
  if (pairs) k.loop(0, half, i => turn(i, i.mul(2), i.mul(2).add(1)))
  else k.lanes(half, i => turn(i, i, i.add(half)))
}

export const rotaryKernels = [rotate]

/** Cosines and sines of every position's angles, [positions, width/2] each (with any scaling of YaRN inside). */
export interface RotaryTable {
  cos: Tensor
  sin: Tensor
}

export interface RotaryOptions {
  /** Where in each head the rotated part begins, and how many numbers it has. */
  start: number
  width: number
  /** Pairs are (2i, 2i+1) if true, (i, i + width/2) if false. The result keeps the layout of the input. */
  interleaved: boolean
}

/**
 * Rotary position embedding (Su et al. 2021) of a part of each head; the rest is copied.
 * x: [rows, heads, dim]; positions: i32 [rows]; returns [rows, heads, dim]. An `index` error for a position
 * beyond the table.
 */
export function rotary(x: Tensor, table: RotaryTable, positions: Tensor, options: RotaryOptions): Tensor {
  const [rows, heads, dim] = x.shape as [number, number, number]
  const { start, width } = options
  requireShape(x.shape.length === 3, () => `rotary: expected [rows, heads, dim], got [${x.shape}]`)
  requireShape(
    width % 2 === 0 && start >= 0 && start + width <= dim,
    () => `rotary: numbers ${start}…${start + width - 1} do not fit heads of ${dim}, or are not an even number`,
  )
  requireShape(
    table.cos.shape.at(-1) === width / 2 && table.sin.size === table.cos.size,
    () => `rotary: tables [${table.cos.shape}], [${table.sin.shape}] do not fit a width of ${width}`,
  )
  requireShape(positions.size === rows, () => `rotary: ${positions.size} positions for ${rows} rows`)
  const known = table.cos.shape[0]!
  for (const position of positions.integers) {
    if (position < 0 || position >= known) {
      throw new EngineError(
        'index',
        `rotary: position ${position} is beyond the table of ${known}; make a longer table`,
      )
    }
  }
  const { device } = x
  const { cos, sin } = table
  const sizes = { positions, rows, heads, dim, start, width, interleaved: options.interleaved ? 1 : 0 }
  const y = device.temporary(x.shape)
  device.run(rotate, { x, y, cos, sin, ...sizes, direction: 1, add: 0, rest: 1 })
  const tape = tapeOf(x)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    const back = { x: dy, cos, sin, ...sizes, direction: -1 }
    // The first gradient of x is that of y, turned back where it lies.
    if (tape.adopt(x, dy)) device.run(rotate, { ...back, y: dy, add: 0, rest: 0 })
    else device.run(rotate, { ...back, y: tape.gradient(x), add: 1, rest: 1 })
  })
  return y
}
