import type { Program } from '../kernel/ir.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { buildProgram, type Target } from '../kernel/language.ts'

const built = new WeakMap<Kernel, Map<string, Program>>()

/** The program of `kernel` for `target`: built once a process, however many devices run it. */
export function programFor(kernel: Kernel, target: Target): Program {
  const programs = built.get(kernel) ?? new Map<string, Program>()
  built.set(kernel, programs)
  const key = JSON.stringify(target)
  const program = programs.get(key) ?? buildProgram(kernel, target)
  programs.set(key, program)
  return program
}
