/** The best of several seconds per call: on a machine that others use too, the least disturbed one says most. */
export function bestSeconds(work: () => void, { seconds = 1, least = 5 } = {}): number {
  work()
  const end = performance.now() + 1000 * seconds
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < least || performance.now() < end; i++) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return best / 1000
}

/** The same for asynchronous work. */
export async function bestSecondsAsync(work: () => Promise<void>, { seconds = 1, least = 5 } = {}): Promise<number> {
  await work()
  const end = performance.now() + 1000 * seconds
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < least || performance.now() < end; i++) {
    const start = performance.now()
    await work()
    best = Math.min(best, performance.now() - start)
  }
  return best / 1000
}

/** Every value of the option `--name`, or the fallback. */
export function option(args: readonly string[], name: string, fallback: string): string {
  const at = args.indexOf(`--${name}`)
  return at < 0 ? fallback : (args[at + 1] ?? fallback)
}
