/** Bytes that live in this thread after garbage collection: its heap, and what hangs on it. */
export function liveMemory(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
