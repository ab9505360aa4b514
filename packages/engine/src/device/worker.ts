import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { argumentBlock, control, instantiate, type RunFunction, stopWord, type WorkerStart } from './threads.ts'

// A thread of the pool: waits for the next epoch, runs its part of the kernel, says it is done.

const { memory, thread, threads, modules } = workerData as WorkerStart
const words = new Int32Array(memory.buffer, 0, 1024)
const kernels: RunFunction[] = []
/** Turns of the waiting loop before sleeping: some tenths of a millisecond, the pause between two kernels of a step. */
const patience = 30_000

function waitForEpochAfter(epoch: number): number {
  for (let spins = 0; ; spins++) {
    const now = Atomics.load(words, control.epoch)
    if (now !== epoch) return now
    if (spins < patience) continue
    Atomics.add(words, control.sleepers, 1)
    Atomics.wait(words, control.epoch, epoch)
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

for (let epoch = 0; ; ) {
  epoch = waitForEpochAfter(epoch)
  const index = words[control.kernel]!
  if (index === stopWord) break
  kernelNumber(index)(argumentBlock, thread, threads)
  Atomics.add(words, control.done, 1)
  Atomics.notify(words, control.done)
}
