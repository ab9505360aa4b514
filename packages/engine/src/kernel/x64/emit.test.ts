import { expect, test } from 'vitest'
import { kernels } from '../../ops/kernels.ts'
import { walk } from '../instructions.ts'
import type { Instruction, Program } from '../ir.ts'
import { buildProgram } from '../language.ts'
import { optimize } from '../optimize.ts'
import { generateX64 } from './emit.ts'
import type { X64Target } from './features.ts'

const targets: X64Target[] = [
  { name: 'x64-avx512', width: 16, registers: 32, vnni: true, bf16: true, roundsToBf16: true },
  { name: 'x64-avx2', width: 8, registers: 16, vnni: false, bf16: false, roundsToBf16: false },
]

/** Loops that do many multiply-adds a turn: where a product spends its time. */
function hotLoops(program: Program): Instruction[] {
  const found: Instruction[] = []
  walk(program.body, i => {
    if (i.op !== 'loop' || i.body.some(inner => 'body' in inner)) return
    if (i.body.filter(({ op }) => op === 'fma' || op === 'dot').length >= 12) found.push(i)
  })
  return found
}

for (const target of targets) {
  test(`${target.name}: every kernel has machine code, and the hot loops of products keep all in registers`, () => {
    let hot = 0
    for (const kernel of kernels) {
      if (!kernel.build) continue
      const program = optimize(buildProgram(kernel, target))
      const { bytes, innerLoopSpills } = generateX64(program, target)
      expect(bytes.length, kernel.name).toBeGreaterThan(0)
      for (const loop of hotLoops(program)) {
        hot++
        expect(innerLoopSpills.get(loop) ?? [], `spilled in a hot loop of ${kernel.name}`).toEqual([])
      }
    }
    expect(hot).toBeGreaterThan(10)
  })
}
