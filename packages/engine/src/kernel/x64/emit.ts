import { parameterBytes, parametersAt, taskSlot } from '../abi.ts'
import type { Block, Instruction, Program, Register } from '../ir.ts'
import { emitCompare, emitSelect, jumpUnless } from './conditions.ts'
import type { X64Target } from './features.ts'
import { fold } from './fold.ts'
import { compareIntegers, compareWith, emitIntegerArithmetic } from './integers.ts'
import {
  calleeSaved,
  frameLayout,
  generalRegisters,
  Machine,
  narrowTypes,
  rax,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  scratch,
} from './machine.ts'
import { emitCopy, emitLoad, emitStore } from './memory.ts'
import { emitDot, emitPackPairs } from './narrow.ts'
import {
  emitConstant,
  emitLaneMove,
  emitMultiplyAdd,
  emitRealArithmetic,
  emitReduce,
  emitSplat,
  emitUnary,
  laneMoves,
} from './reals.ts'
import { allocate } from './registers.ts'

// Code generator for x86-64: a function `run(args, thread, threads)` in the System V convention. This file writes its
// frame, loops, branches and tasks; reals, integers, conditions and memory have files of their own.
// Instruction names: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.

/** Turns of the barrier's loop before the system may give the core to somebody else, at every turn from then on. */
const spinsBeforeYield = 4096
const schedYield = 24

/** The machine code of a kernel, ready for `sharedObject`, with what a test wants to know about it. */
export interface X64Code {
  readonly bytes: Uint8Array
  /** Values that an innermost loop has to fetch from the stack frame, for each such loop. */
  readonly innerLoopSpills: ReadonlyMap<Instruction, readonly Register[]>
}

/** Translates `program`, built for `target`; position-independent, constants behind the code. */
export function generateX64(program: Program, target: X64Target): X64Code {
  const folded = fold(program, target.width === 16)
  const isWide = target.width === 16
  // Narrow numbers are taken apart and put together in registers of their own.
  const spares = program.types.some(type => narrowTypes.has(type)) ? 3 : 1
  const vectors = Array.from({ length: target.registers - spares }, (_, i) => i)
  const allocation = allocate(program, folded, {
    pools: { general: generalRegisters, vector: vectors, mask: [1, 2, 3, 4, 5, 6, 7] },
    classOf: type => (type === 'i32' || type === 'ptr' ? 'general' : type === 'mask' && isWide ? 'mask' : 'vector'),
    vectorBytes: 4 * target.width,
    reserved: frameLayout.end,
  })
  return new Generator(new Machine(program, target, folded, allocation, spares)).function()
}

/** Writes the instructions of one program. */
class Generator {
  private readonly m: Machine

  constructor(machine: Machine) {
    this.m = machine
  }

  function(): X64Code {
    const { asm } = this.m
    const saved = calleeSaved.filter(register => this.m.allocation.usedGeneral.has(register))
    for (const register of saved) asm.push(register)
    // The frame is aligned for whole vectors; the stack pointer before is kept at its end.
    const bytes = Math.ceil(this.m.allocation.frameBytes / 64) * 64 + 64
    asm.mov(64, rax, rsp)
    asm.aluImmediate('and', 64, rsp, -64)
    asm.aluImmediate('sub', 64, rsp, bytes)
    asm.store(64, { base: rsp, disp: bytes - 8 }, rax)
    this.parameters()
    this.block(this.m.program.body)
    asm.load(64, rsp, { base: rsp, disp: bytes - 8 })
    for (const register of saved.reverse()) asm.pop(register)
    asm.vzeroupper()
    asm.ret()
    this.m.constants()
    return { bytes: asm.finish(), innerLoopSpills: this.m.allocation.innerLoopSpills }
  }

  private parameters(): void {
    const { asm, program } = this.m
    asm.store(64, { base: rsp, disp: frameLayout.args }, rdi)
    asm.movsxd(rcx, rsi)
    asm.movsxd(rax, rdx)
    this.m.setGeneral(program.thread, rcx)
    this.m.setGeneral(program.threads, rax)
    asm.load(64, rax, this.m.frame(frameLayout.args))
    program.params.forEach((register, slot) => {
      const from = { base: rax, disp: parametersAt(program) + parameterBytes * slot }
      const place = this.m.place(register)
      if (place.kind === 'none') return
      if (this.m.types[register] === 'f32') {
        const to = this.m.vectorTarget(register)
        asm.v('vmovss', 'scalar', [to, from])
        this.m.putVector(register, to)
        return
      }
      const to = place.kind === 'register' ? place.number : rcx
      if (this.m.types[register] === 'ptr') asm.load(64, to, from)
      else asm.movsxd(to, from)
      this.m.setGeneral(register, to)
    })
  }

  private block(block: Block): void {
    for (const i of block) {
      const to = 'to' in i && i.op !== 'loop' ? i.to : undefined
      if (to !== undefined && (this.m.folded.has(to) || this.m.place(to).kind === 'none')) continue
      this.instruction(i)
    }
  }

  private instruction(i: Instruction): void {
    switch (i.op) {
      case 'const':
        emitConstant(this.m, i)
        return
      case 'splat':
        emitSplat(this.m, i)
        return
      case 'unary':
        emitUnary(this.m, i)
        return
      case 'binary':
        if (this.m.types[i.to] === 'i32') emitIntegerArithmetic(this.m, i)
        else if (i.fn === 'packPairs') emitPackPairs(this.m, i)
        else if (i.fn in laneMoves) emitLaneMove(this.m, i)
        else emitRealArithmetic(this.m, i)
        return
      case 'compare':
        emitCompare(this.m, i)
        return
      case 'select':
        emitSelect(this.m, i)
        return
      case 'fma':
        emitMultiplyAdd(this.m, i)
        return
      case 'dot':
        emitDot(this.m, i)
        return
      case 'reduce':
        emitReduce(this.m, i)
        return
      case 'copy':
        emitCopy(this.m, i)
        return
      case 'address': {
        const to = this.m.generalTarget(i.to)
        this.m.asm.lea(64, to, this.m.memory({ ...i, offset: 0 }))
        this.m.setGeneral(i.to, to)
        return
      }
      case 'load':
        emitLoad(this.m, i)
        return
      case 'store':
        emitStore(this.m, i)
        return
      case 'prefetch':
        this.m.asm.prefetcht0(this.m.memory(i))
        return
      case 'loop':
        this.loop(i)
        return
      case 'if':
        this.if(i)
        return
      case 'tasks':
        this.tasks(i)
        return
      case 'barrier':
        this.barrier(i)
        return
    }
  }

  private if(i: Instruction & { op: 'if' }): void {
    const { asm } = this.m
    const [otherwise, end] = [asm.label(), asm.label()]
    jumpUnless(this.m, i.condition, otherwise)
    this.block(i.body)
    if (i.otherwise.length > 0) asm.jmp(end)
    asm.bind(otherwise)
    this.block(i.otherwise)
    asm.bind(end)
  }

  private loop(i: Instruction & { op: 'loop' }): void {
    const other = this.m.allocation.loops.get(i)
    if (!other) {
      this.turns(i)
      return
    }
    const own = (register: Register) => this.m.allocation.places[register]!
    const moved = (register: Register) => this.m.types[register]!
    for (const { class: kind, number, offset } of other.saved) {
      if (kind === 'general') this.m.asm.store(64, this.m.frame(offset), number)
      else this.m.moveVector(this.m.length, this.m.frame(offset), number)
    }
    for (const register of other.fetched)
      this.m.moveBetween(moved(register), other.places.get(register)!, own(register))
    this.m.loopPlaces = other
    this.turns(i)
    this.m.loopPlaces = undefined
    for (const register of other.put) this.m.moveBetween(moved(register), own(register), other.places.get(register)!)
    for (const { class: kind, number, offset } of other.saved) {
      if (kind === 'general') this.m.asm.load(64, number, this.m.frame(offset))
      else this.m.moveVector(this.m.length, number, this.m.frame(offset))
    }
  }

  /** The test stands at the bottom, with one check before the first turn. The counter has 64 bits and cannot overflow. */
  private turns(i: Instruction & { op: 'loop' }): void {
    const { asm } = this.m
    const [start, end] = [asm.label(), asm.label()]
    const place = this.m.place(i.counter)
    this.m.setGeneral(i.counter, this.m.general(i.from, place.kind === 'register' ? place.number : scratch.first))
    compareIntegers(this.m, i.counter, i.to)
    asm.jcc('ge', end)
    asm.align(32)
    asm.bind(start)
    this.block(i.body)
    const counter = this.m.general(i.counter, scratch.first)
    asm.aluImmediate('add', 64, counter, i.step)
    this.m.setGeneral(i.counter, counter)
    compareIntegers(this.m, i.counter, i.to)
    asm.jcc('l', start)
    asm.bind(end)
  }

  private tasks(i: Instruction & { op: 'tasks' }): void {
    const { asm } = this.m
    const [next, end] = [asm.label(), asm.label()]
    const [args, number] = [scratch.second, scratch.first]
    asm.bind(next)
    asm.load(64, args, this.m.frame(frameLayout.args))
    asm.movImmediate(32, number, 1)
    asm.lockXadd(32, { base: args, disp: taskSlot.bytes * i.slot }, number)
    this.m.setGeneral(i.task, number)
    compareWith(this.m, number, i.count)
    asm.jcc('ge', end)
    this.block(i.body)
    asm.load(64, args, this.m.frame(frameLayout.args))
    asm.lockAddImmediate(32, { base: args, disp: taskSlot.bytes * i.slot + taskSlot.done }, 1)
    asm.jmp(next)
    asm.bind(end)
  }

  /** Waits for the tasks of a slot: spins a while, then lets others have the core, since one of them may have our work. */
  private barrier(i: Instruction & { op: 'barrier' }): void {
    const { asm } = this.m
    const [wait, done] = [asm.label(), asm.label()]
    const [args, found] = [scratch.second, scratch.first]
    const spins = this.m.frame(frameLayout.saved)
    const count = this.m.place(i.count)
    asm.storeImmediate(32, spins, 0)
    asm.bind(wait)
    asm.load(64, args, this.m.frame(frameLayout.args))
    asm.movsxd(found, { base: args, disp: taskSlot.bytes * i.slot + taskSlot.done })
    if (count.kind === 'constant') asm.aluImmediate('cmp', 64, found, count.value)
    else if (count.kind === 'stack') asm.alu('cmp', 64, found, this.m.frame(count.offset))
    else if (count.kind === 'register') asm.alu('cmp', 64, found, count.number)
    asm.jcc('ge', done)
    asm.pause()
    asm.load(32, found, spins)
    asm.aluImmediate('add', 32, found, 1)
    asm.store(32, spins, found)
    asm.aluImmediate('cmp', 32, found, spinsBeforeYield)
    asm.jcc('l', wait)
    // The system call keeps all registers but rax, rcx and this one.
    asm.push(11)
    asm.movImmediate(32, rax, schedYield)
    asm.syscall()
    asm.pop(11)
    asm.jmp(wait)
    asm.bind(done)
  }
}
