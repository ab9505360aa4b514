import type { Program } from '../kernel/ir.ts'
import type { Target } from '../kernel/language.ts'

/** Runs `count` calls of the list at byte `list` of shared memory (`abi.ts` says how an entry looks), as thread `thread`. */
export type Runner = (list: number, count: number, thread: number) => void

/** What workers need to make the same runner: a module that exports `createRunner`, and cloneable data for it. */
export interface RunnerSource {
  readonly module: string
  readonly data: unknown
}

/** How a module of `RunnerSource` makes a runner. */
export type CreateRunner = (memory: WebAssembly.Memory, data: unknown) => Runner

/** Makes code of programs and runs lists of calls; one for each kind of target. */
export interface Backend {
  readonly target: Target
  /** Added to a byte offset in shared memory to make what kernels take as an address; 0 for wasm. */
  readonly base: bigint
  /** What a list entry holds as code. */
  load(program: Program): bigint
  readonly run: Runner
  readonly workers: RunnerSource
}
