import type { Target } from '../language.ts'
import { Assembler } from './encoder.ts'

// What the processor can do, as CPUID and XGETBV tell. Intel's Software Developer's Manual, volume 2A, CPUID, table
// 3-8; AMD's Architecture Programmer's Manual, volume 3, appendix E, agrees in the bits used here.

/** The four registers that CPUID fills. */
export interface Leaf {
  readonly eax: number
  readonly ebx: number
  readonly ecx: number
  readonly edx: number
}

/** The two instructions, executed by generated code, or by a test. */
export interface Identification {
  cpuid(leaf: number, subleaf: number): Leaf
  /** XCR0: which registers the system saves. To be asked only where CPUID says that it may be. */
  xgetbv(): number
}

export interface Features {
  /** Such as GenuineIntel or AuthenticAMD. */
  readonly vendor: string
  /** The name that its maker gave it; may be empty. */
  readonly brand: string
  readonly avx2: boolean
  readonly fma: boolean
  /** Shifts by a register that keep the flags. */
  readonly bmi2: boolean
  /** F, DQ, BW and VL together: without all four there is little to win. */
  readonly avx512: boolean
  /** Dot products of int8, with AVX-512 registers. */
  readonly vnni: boolean
  /** Dot products of bfloat16, with AVX-512 registers. */
  readonly bf16: boolean
  /** `bf16` that is worth using, see `isSlowBf16`. */
  readonly fastBf16: boolean
}

/** A target for machine code: what the generator may use besides AVX2, FMA and BMI2. */
export interface X64Target extends Target {
  readonly name: 'x64-avx2' | 'x64-avx512'
  readonly vnni: boolean
  /** Dot products of bfloat16. */
  readonly bf16: boolean
  /** Rounding to bfloat16: one instruction, fast also where the dot products are not. */
  readonly roundsToBf16: boolean
}

const [eax, ecx, edx, ebx, rsi, rdi] = [0, 1, 2, 3, 6, 7]

/** cpuid(result, leaf, subleaf): writes eax, ebx, ecx and edx to the four numbers at `result`. */
export function cpuidCode(): Uint8Array {
  const asm = new Assembler()
  asm.push(ebx)
  asm.mov(32, eax, rsi)
  asm.mov(32, ecx, edx)
  asm.cpuid()
  for (const [i, register] of [eax, ebx, ecx, edx].entries()) asm.store(32, { base: rdi, disp: 4 * i }, register)
  asm.pop(ebx)
  asm.ret()
  return asm.finish()
}

/** xgetbv(result): writes XCR0 to the number at `result`; its upper half is of no use here. */
export function xgetbvCode(): Uint8Array {
  const asm = new Assembler()
  asm.alu('xor', 32, ecx, ecx)
  asm.xgetbv()
  asm.store(32, { base: rdi }, eax)
  asm.ret()
  return asm.finish()
}

const bit = (word: number, index: number): boolean => ((word >>> index) & 1) === 1

/** Everything above, by asking the processor. */
export function readFeatures({ cpuid, xgetbv }: Identification): Features {
  const identity = cpuid(0, 0)
  const vendor = text([identity.ebx, identity.edx, identity.ecx])
  const none = { eax: 0, ebx: 0, ecx: 0, edx: 0 }
  const basic = identity.eax >= 1 ? cpuid(1, 0) : none
  const extended = identity.eax >= 7 ? cpuid(7, 0) : none
  const further = extended.eax >= 1 ? cpuid(7, 1) : none
  const saved = bit(basic.ecx, 27) ? xgetbv() : 0
  // Registers that the system does not save when it switches threads must not be used: XMM and YMM; mask and ZMM.
  const savesYmm = (saved & 0x06) === 0x06
  const savesZmm = (saved & 0xe6) === 0xe6
  const avx512 = savesZmm && [16, 17, 30, 31].every(index => bit(extended.ebx, index))
  const bf16 = avx512 && bit(further.eax, 5)
  return {
    vendor,
    brand: brandOf(cpuid),
    avx2: savesYmm && bit(basic.ecx, 28) && bit(extended.ebx, 5),
    fma: savesYmm && bit(basic.ecx, 12),
    bmi2: bit(extended.ebx, 8),
    avx512,
    vnni: avx512 && bit(extended.ecx, 11),
    bf16,
    fastBf16: bf16 && !isSlowBf16(vendor),
  }
}

/**
 * Whether a bfloat16 dot product brings nothing over float32. Intel splits `vdpbf16ps` into two multiply-adds and starts
 * one every other cycle: measured on Emerald Rapids, 86 GFLOP/s a core against 170 of float32. AMD (Zen 4 on) starts as
 * many of them as of float32 multiply-adds, each with twice the products. CPUID does not say, so the maker must.
 */
const isSlowBf16 = (vendor: string): boolean => vendor === 'GenuineIntel'

function brandOf(cpuid: Identification['cpuid']): string {
  if (cpuid(0x8000_0000, 0).eax < 0x8000_0004) return ''
  const leaves = [0x8000_0002, 0x8000_0003, 0x8000_0004].map(leaf => cpuid(leaf, 0))
  return text(leaves.flatMap(({ eax, ebx, ecx, edx }) => [eax, ebx, ecx, edx]))
}

/** Four characters a register, ended by a zero byte if they do not fill it. */
const text = (words: readonly number[]): string =>
  Buffer.from(Uint32Array.from(words).buffer).toString('latin1').split('\0')[0]!.trim().replace(/ +/g, ' ')

/** The targets that a processor with these features can run, the fastest first. */
export function x64Targets({ avx2, fma, bmi2, avx512, vnni, bf16, fastBf16 }: Features): X64Target[] {
  if (!avx2 || !fma || !bmi2) return []
  const plain = { vnni: false, bf16: false, roundsToBf16: false }
  const narrow: X64Target = { name: 'x64-avx2', width: 8, registers: 16, ...plain }
  const wide: X64Target = { name: 'x64-avx512', width: 16, registers: 32, vnni, bf16: fastBf16, roundsToBf16: bf16 }
  return avx512 ? [wide, narrow] : [narrow]
}
