// bfloat16: the upper half of a float32, as 16 bits.

const real = new Float32Array(1)
const bits = new Uint32Array(real.buffer)

/** The nearest bfloat16 of `x`, of two equally near ones the even one, as bits; a NaN stays one. */
export function bf16FromReal(x: number): number {
  real[0] = x
  const word = bits[0]!
  if (Number.isNaN(x)) return (word >>> 16) | 0x40
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff
}

/** The number that the bits of a bfloat16 stand for. */
export function bf16ToReal(half: number): number {
  bits[0] = half << 16
  return real[0]!
}
