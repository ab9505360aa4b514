import { writeFileSync } from 'node:fs'
import { buildProgram } from '../packages/engine/src/kernel/language.ts'
import { optimize } from '../packages/engine/src/kernel/optimize.ts'
import { generateWasm, wasmTarget } from '../packages/engine/src/kernel/wasm.ts'
import { sharedObject } from '../packages/engine/src/kernel/x64/elf.ts'
import { generateX64 } from '../packages/engine/src/kernel/x64/emit.ts'
import { x64Targets } from '../packages/engine/src/kernel/x64/features.ts'
import { kernels } from '../packages/engine/src/ops/kernels.ts'

// npm run kernel -- NAME TARGET FILE: writes the code of one kernel, to be read with objdump or wasm2wat. Machine code
// is generated whatever the processor here can run.

const [name, target, file] = process.argv.slice(2)
const all = { avx2: true, fma: true, bmi2: true, avx512: true, vnni: true, bf16: true, fastBf16: true }
const machines = x64Targets({ vendor: '', brand: '', ...all })
const kernel = kernels.find(each => each.name === name && each.build)
const machine = machines.find(each => each.name === target)

if (!kernel || !file || !(machine || target === 'wasm')) {
  console.error('npm run kernel -- NAME TARGET FILE')
  console.error(`names: ${kernels.flatMap(each => (each.build ? [each.name] : [])).join(' ')}`)
  console.error(`targets: wasm ${machines.map(each => each.name).join(' ')}`)
  process.exitCode = 1
} else if (machine) {
  const { bytes } = generateX64(optimize(buildProgram(kernel, machine)), machine)
  writeFileSync(file, sharedObject(bytes, [{ name: kernel.name, offset: 0 }], kernel.name))
} else writeFileSync(file, generateWasm(buildProgram(kernel, wasmTarget), 65_536))
