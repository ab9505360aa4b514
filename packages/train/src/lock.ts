import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The file in a run folder that holds the number of the process that trains there. */
export const lockOf = (root: string): string => join(root, 'lock')

/** The process that trains in the run folder `root`; undefined if there is none, or if it died and left its lock. */
export function trainingProcess(root: string): number | undefined {
  const lock = lockOf(root)
  if (!existsSync(lock)) return undefined
  const pid = Number(readFileSync(lock, 'utf8'))
  try {
    process.kill(pid, 0)
    return pid
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined
  }
}
