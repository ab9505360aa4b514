import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * The folder of what Modu keeps on this machine: `MODU_HOME`, or `.modu` in the home folder. Made where it is missing,
 * for its owner alone.
 */
export function moduHome(environment: NodeJS.ProcessEnv = process.env): string {
  const folder = resolve(environment.MODU_HOME || join(homedir(), '.modu'))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}
