import type { X64Target } from './features.ts'

// Narrow numbers in machine registers: dot products of bytes and of bfloat16, and rounding to them, with the
// instructions made for it where the processor has them and with plain ones where not. Where values live and what
// operands are, emit.ts knows.

type Bits = 128 | 256 | 512

export interface VectorWriter<Operand> {
  readonly target: X64Target
  v(name: string, bits: Bits, operands: readonly (number | Operand)[], immediate?: number): void
  /** A constant: 32 bits, repeated. */
  pattern(value: number, bits: Bits): Operand
}

/** Brings a value into a register: the one where it lives, or the one given. */
export type Source = (through: number) => number

/** Of a pair: the odd element. */
export const upperHalf = 0xffff_0000 | 0
const flipSigns = 0x8080_8080 | 0

/**
 * The numbers in `from` rounded to bfloat16, ties to even, in the upper halves of `to`; a NaN stays one. What stands in
 * the lower halves is of no use. `to` and `help` are other registers than `from`.
 */
export function roundToUpperHalves<O>(w: VectorWriter<O>, bits: Bits, to: number, from: number, help: number): void {
  // All ones except for a NaN: of the numbers without sign only these lie above infinity.
  w.v('vandps', bits, [help, from, w.pattern(0x7fff_ffff, bits)])
  w.v('vpaddd', bits, [help, help, w.pattern(-0x7f80_0001, bits)])
  w.v('vpsrad', bits, [help, help], 31)
  // Half of the last place, less one unless the last bit is set.
  w.v('vpsrld', bits, [to, from], 16)
  w.v('vandps', bits, [to, to, w.pattern(1, bits)])
  w.v('vpaddd', bits, [to, to, w.pattern(0x7fff, bits)])
  w.v('vandps', bits, [to, to, help])
  w.v('vpaddd', bits, [to, to, from])
  w.v('vandnps', bits, [help, help, w.pattern(0x40_0000, bits)])
  w.v('vorps', bits, [to, to, help])
}

/** total[l] += Σ a[4l+i]·b[4l+i], i < 4, of int8. */
export function dotBytes<O>(
  w: VectorWriter<O>,
  bits: Bits,
  total: number,
  a: Source,
  b: Source,
  [x, y]: readonly [number, number],
): void {
  if (w.target.vnni) {
    // The instruction takes its first factor without sign: Σ (a + 128)·b + Σ (b + 128)·(−128) = Σ a·b − 4·128².
    w.v('vxorps', bits, [x, a(x), w.pattern(flipSigns, bits)])
    w.v('vpdpbusd', bits, [total, x, b(y)])
    w.v('vxorps', bits, [x, b(x), w.pattern(flipSigns, bits)])
    w.v('vpdpbusd', bits, [total, x, w.pattern(flipSigns, bits)])
    w.v('vpaddd', bits, [total, total, w.pattern(4 * 128 ** 2, bits)])
    return
  }
  // 16-bit lanes that hold the even bytes, then those that hold the odd ones.
  for (const isOdd of [false, true]) {
    for (const [register, source] of [
      [x, a],
      [y, b],
    ] as const) {
      if (isOdd) w.v('vpsraw', bits, [register, source(register)], 8)
      else {
        w.v('vpsllw', bits, [register, source(register)], 8)
        w.v('vpsraw', bits, [register, register], 8)
      }
    }
    w.v('vpmaddwd', bits, [x, x, y])
    w.v('vpaddd', bits, [total, total, x])
  }
}

/** total[l] += a[2l+1]·b[2l+1] + a[2l]·b[2l] of bfloat16, without the instruction for it: the products are exact. */
export function dotPairs<O>(
  w: VectorWriter<O>,
  bits: Bits,
  total: number,
  a: Source,
  b: Source,
  [x, y]: readonly [number, number],
): void {
  w.v('vandps', bits, [x, a(x), w.pattern(upperHalf, bits)])
  w.v('vandps', bits, [y, b(y), w.pattern(upperHalf, bits)])
  w.v('vfmadd231ps', bits, [total, x, y])
  w.v('vpslld', bits, [x, a(x)], 16)
  w.v('vpslld', bits, [y, b(y)], 16)
  w.v('vfmadd231ps', bits, [total, x, y])
}

/** The lower or upper four bits of each byte, less 8. `help` is another register than `to`. */
export function nibbles<O>(
  w: VectorWriter<O>,
  bits: Bits,
  to: number,
  from: number,
  part: 'lowNibbles' | 'highNibbles',
  eights: number,
): void {
  if (part === 'highNibbles') w.v('vpsrlw', bits, [to, from], 4)
  w.v('vandps', bits, [to, part === 'highNibbles' ? to : from, w.pattern(0x0f0f_0f0f, bits)])
  w.v('vpsubb', bits, [to, to, eights])
}
