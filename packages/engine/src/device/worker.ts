import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { argumentBlock, closed, control, instantiate, type RunFunction, stopWord, type WorkerStart } from './threads.ts'

// A thread of the pool: waits for the gate to open, joins, takes tasks of the kernel until none is left.

const { memory, thread, threads, modules } = workerData as WorkerStart
const words = new Int32Array(memory.buffer, 0, 1024)
const kernels: RunFunction[] = []
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

function kernelNumber(index: number): RunFunction {
  while (kernels.length <= index) {
    const received = receiveMessageOnPort(modules)
    if (received) kernels.push(instantiate(received.message as WebAssembly.Module, memory))
  }
  return kernels[index]!
}

for (let round = 0; ; ) {
  round = join(round)
  const index = words[control.kernel]!
  if (index === stopWord) break
  kernelNumber(index)(argumentBlock, thread, threads)
  Atomics.add(words, control.finished, 1)
  Atomics.notify(words, control.finished)
}
