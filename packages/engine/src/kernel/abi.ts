import type { Program } from './ir.ts'

// What callers and generated code agree on. A kernel is called as run(args, thread, threads); `args` is the address of
// the call's argument block, aligned to 64 bytes: first the task counters of the kernel, one slot each, which the caller
// zeroes, then its parameters, one slot each (i32 and f32 in the low 4 bytes, arrays as addresses), then its scratch. A
// call returns when all its tasks are done, whoever does them; so several threads may run a list of calls one after the
// other, and meet at the end of each. Outside of tasks a kernel reads nothing but its arguments and what earlier kernels
// wrote, and writes nothing but the scratch of the thread that runs it: a late thread may still be there when others have
// left.

/** A slot of a task counter, on a cache line of its own: the next task (i32) and, at `done`, the number of those done. */
export const taskSlot = { bytes: 64, done: 4 } as const

/** Bytes of a parameter in the argument block. */
export const parameterBytes = 8

/** Where the parameters begin, in bytes from the start of the argument block. */
export const parametersAt = ({ taskSlots }: Pick<Program, 'taskSlots'>): number => taskSlot.bytes * taskSlots

/** An entry of a list of calls, in bytes: the code, the address of the argument block, and `threads`, 8 bytes each. */
export const callEntry = { bytes: 32, code: 0, args: 8, threads: 16 } as const
