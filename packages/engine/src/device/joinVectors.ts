import v8 from 'node:v8'

// WebAssembly has vectors of 128 bits, the processor registers of 256. V8 can join two vectors that are loaded from and
// stored to neighbouring places, and treated alike in between, to one register ("revectorization"): a product of
// matrices then takes half the instructions. V8 still calls this an experiment, so it must be asked for; Node builds it
// in for x86-64 on Linux and Windows. A processor without AVX2 does not do it, and loses by kernels made for it.

let joins: boolean | undefined

/** Whether V8 joins vectors of the modules compiled from now on; the first call asks it to. */
export function joinVectors(): boolean {
  joins ??= v8CanJoin() && fusesMultiplyAdd()
  if (joins) v8.setFlagsFromString('--experimental-wasm-revectorize')
  return joins
}

const v8CanJoin = (): boolean =>
  Number((process.config.variables as Record<string, unknown>).v8_enable_wasm_simd256_revec ?? 0) === 1

/**
 * Whether a multiply-add of WebAssembly rounds once. On x86-64 that tells of the instruction set FMA, which came
 * together with AVX2.
 */
function fusesMultiplyAdd(): boolean {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(multiplyAddModule), {})
  const multiplyAdd = exports.run as (a: number, b: number, c: number) => number
  // (1 + 2⁻¹²)² − (1 + 2⁻¹¹) = 2⁻²⁴, which is lost if the product is rounded by itself.
  const a = 1 + 2 ** -12
  return multiplyAdd(a, a, -(1 + 2 ** -11)) !== 0
}

/** `run(a, b, c)`: a·b + c in float32, by f32x4.relaxed_madd. */
const multiplyAddModule = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 8, 1, 0x60, 3, 0x7d, 0x7d, 0x7d, 1, 0x7d],
  ...[3, 2, 1, 0],
  ...[7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0],
  ...[10, 22, 1, 20, 0],
  ...[0x20, 0, 0xfd, 0x13, 0x20, 1, 0xfd, 0x13, 0x20, 2, 0xfd, 0x13],
  ...[0xfd, 0x85, 0x02, 0xfd, 0x1f, 0, 0x0b],
)
