import type { Program } from '../kernel/ir.ts'
import { optimize } from '../kernel/optimize.ts'
import { generateX64 } from '../kernel/x64/emit.ts'
import type { X64Target } from '../kernel/x64/features.ts'
import { loadCode, type NativeObject } from './native.ts'

const objects = new WeakMap<Program, NativeObject>()

/** The code of a program that was built for `target`: made and opened once a process, however many devices run it. */
export function machineCode(program: Program, target: X64Target): NativeObject {
  const object = objects.get(program) ?? loadCode(program.name, generateX64(optimize(program), target).bytes)
  objects.set(program, object)
  return object
}
