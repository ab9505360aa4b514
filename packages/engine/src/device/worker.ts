import { workerData } from 'node:worker_threads'
import type { CreateRunner } from './backend.ts'
import { controlBytes } from './memory.ts'
import { closed, control, stop, type WorkerStart } from './threads.ts'

// A thread of the pool: waits for the gate to open, joins, and runs the list of calls beside the others.

const { memory, thread, runner } = workerData as WorkerStart
const words = new Int32Array(memory.buffer, 0, controlBytes / 4)
/** Turns of the waiting loop before sleeping: some tenths of a millisecond, the pause between two kernels of a step. */
const patience = 30_000

/** Joins the first round that is open and not `last`; returns its number. */
function join(last: number): number {
  for (let spins = 0; ; spins++) {
    const gate = Atomics.load(words, control.gate)
    const round = gate >> 8
    const isOpen = (gate & closed) !== closed && round !== last
    if (isOpen && Atomics.compareExchange(words, control.gate, gate, gate + 1) === gate) return round
    if (isOpen || spins < patience) continue
    Atomics.add(words, control.sleepers, 1)
    Atomics.wait(words, control.gate, gate)
    Atomics.sub(words, control.sleepers, 1)
  }
}

const { createRunner } = (await import(runner.module)) as { createRunner: CreateRunner }
const run = createRunner(memory, runner.data)

for (let round = 0; ; ) {
  round = join(round)
  const count = words[control.count]!
  if (count === stop) break
  run(words[control.list]! >>> 0, count, thread)
  Atomics.add(words, control.finished, 1)
  Atomics.notify(words, control.finished)
}
