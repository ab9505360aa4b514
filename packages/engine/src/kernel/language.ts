import type { Parameters } from './kernel.ts'

// The kernel language; see kernel.ts for how kernels are declared.
export interface Builder {
  readonly lanes: number
}
export type BuilderArguments<P extends Parameters> = { readonly [K in keyof P]: unknown }
