import type { Reals, Tensor } from '../tensor.ts'
import type { Builder, BuilderArguments, Target } from './language.ts'

/** Kinds of kernel parameters: arrays (passed as tensors) and numbers. */
export type ParameterKind = 'f32s' | 'i32s' | 'i8s' | 'bf16s' | 'f32' | 'i32'
export const f32s = 'f32s'
export const i32s = 'i32s'
export const i8s = 'i8s'
export const bf16s = 'bf16s'
export const f32 = 'f32'
export const i32 = 'i32'

export type Parameters = Readonly<Record<string, ParameterKind>>

interface Argument {
  f32s: Tensor
  i32s: Tensor
  i8s: Tensor
  bf16s: Tensor
  f32: number
  i32: number
}

/** What `device.run` takes: tensors for arrays, numbers for numbers. */
export type Arguments<P extends Parameters> = { readonly [K in keyof P]: Argument[P[K]] }

interface ReferenceArgument {
  f32s: Reals
  i32s: Int32Array
  i8s: Int8Array
  /** Bits of bfloat16 numbers. */
  bf16s: Uint16Array
  f32: number
  i32: number
}

/** What the plain reference gets: typed arrays and numbers. */
export type ReferenceArguments<P extends Parameters> = { readonly [K in keyof P]: ReferenceArgument[P[K]] }

/**
 * One computation, twice: `reference`, plain loops that are obviously right, and `build`, the same in the kernel
 * language, from which code generators make WebAssembly (and later machine code). A kernel without `build` is small
 * integer bookkeeping that runs as TypeScript everywhere.
 */
export interface Kernel<P extends Parameters = Parameters> {
  readonly name: string
  readonly params: P
  reference(args: ReferenceArguments<P>): void
  build?(k: Builder, args: BuilderArguments<P>): void
  /** Rough number of floating-point operations (or elements touched), to decide whether threads pay. Default: threads always. */
  work?(args: Arguments<P>): number
  /** Scratch memory a call needs, in float32 numbers: for each thread and shared by all. */
  scratch?(args: Arguments<P>, target: Target, threads: number): { perThread?: number; shared?: number }
}

/** Declares a kernel; exists for its type inference. */
export function kernel<const P extends Parameters>(definition: Kernel<P>): Kernel<P> {
  return definition
}
