import { callEntry } from '../abi.ts'
import { Assembler } from './encoder.ts'

const [rax, rdx, rbx, rsi, rdi, r12, r13] = [0, 2, 3, 6, 7, 12, 13]

/** replay(list, count, thread): code(args, thread, threads) for each entry of the list (`abi.ts`), in order. */
export function replayCode(): Uint8Array {
  const asm = new Assembler()
  const [next, test] = [asm.label(), asm.label()]
  // Registers that calls preserve. With three of them on it, the stack is aligned to 16 bytes again.
  const [entry, left, thread] = [rbx, r12, r13]
  for (const register of [entry, left, thread]) asm.push(register)
  asm.mov(64, entry, rdi)
  asm.mov(64, left, rsi)
  asm.mov(64, thread, rdx)
  asm.jmp(test)
  asm.bind(next)
  asm.load(64, rdi, { base: entry, disp: callEntry.args })
  asm.mov(64, rsi, thread)
  asm.load(64, rdx, { base: entry, disp: callEntry.threads })
  asm.load(64, rax, { base: entry, disp: callEntry.code })
  asm.call(rax)
  asm.aluImmediate('add', 64, entry, callEntry.bytes)
  asm.aluImmediate('sub', 64, left, 1)
  asm.bind(test)
  asm.test(64, left, left)
  asm.jcc('ne', next)
  for (const register of [thread, left, entry]) asm.pop(register)
  asm.ret()
  return asm.finish()
}
