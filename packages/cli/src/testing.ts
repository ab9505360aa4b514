import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/* For the tests of this package: the real command in a process of its own. */

export const bin = fileURLToPath(new URL('../bin/modu.mjs', import.meta.url))

/** The golden outputs that come with the model package. */
export const fixtures = fileURLToPath(new URL('../../model/fixtures', import.meta.url))

/** Modu's folder while tests run, so that they neither see nor change the developer's. */
const home = mkdtempSync(join(tmpdir(), 'modu-home-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

export interface Ended {
  /** Exit code; null after a signal. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The environment of a Korean user at a terminal that shows colours, with `changes`. */
export const koreanEnvironment = (changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  LC_ALL: undefined,
  LC_MESSAGES: undefined,
  LANG: 'ko_KR.UTF-8',
  CI: undefined,
  NO_COLOR: undefined,
  FORCE_COLOR: undefined,
  MODU_HOME: home,
  ...changes,
})

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with the match when standard output holds one. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
}

/** Starts `modu` with `args`; `input` is its standard input, else that is empty. */
export function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}, input?: string): Running {
  const child = spawn(process.execPath, [bin, ...args], { env: koreanEnvironment(environment) })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', status => resolve({ status, stdout, stderr }))
  })
  const printed = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(stdout)
        if (match) resolve(match)
      }
      child.stdout.on('data', look)
      ended.then(() => reject(new Error(`ended without printing ${pattern}: ${stdout}${stderr}`)))
      look()
    })
  return { child, ended, printed }
}

/** Runs `modu` to its end. */
export const modu = (args: readonly string[], environment?: NodeJS.ProcessEnv, input?: string): Promise<Ended> =>
  start(args, environment, input).ended
