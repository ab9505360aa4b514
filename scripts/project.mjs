// What the scripts of this folder share. Plain JavaScript without dependencies: they run before anything is installed,
// on Node 20 or newer.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { nodeFlags, pinnedNode } from '../packages/cli/bin/pinnedNode.mjs'

/** The folder of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

const locale = process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || ''
const english = locale.toLowerCase().startsWith('en')

/**
 * Tells the person at the terminal: Korean, or English where the system's language is English.
 * @param {string} ko
 * @param {string} en
 */
export const say = (ko, en) => console.error(english ? en : ko)

/**
 * Ends the script with a message that names the problem and the remedy.
 * @param {string} ko
 * @param {string} en
 * @returns {never}
 */
export function fail(ko, en) {
  say(ko, en)
  process.exit(1)
}

if (Number.parseInt(process.versions.node, 10) < 20) {
  fail(
    `Node 20 이상이 필요합니다 (지금: ${process.version}). https://nodejs.org 에서 설치해 주세요.`,
    `Modu needs Node 20 or newer to start (this is ${process.version}): see https://nodejs.org`,
  )
}

/**
 * Runs a program in the repository on this terminal and waits; Ctrl-C and SIGTERM are its business.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code, 128 + n after signal n, 127 if it cannot be started
 */
export function run(program, args, options = {}) {
  return new Promise(resolve => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', ...options })
    const terminate = () => child.kill('SIGTERM')
    const stay = () => {}
    process.on('SIGTERM', terminate)
    process.on('SIGINT', stay)
    /** @param {number} code */
    const done = code => {
      process.off('SIGTERM', terminate)
      process.off('SIGINT', stay)
      resolve(code)
    }
    child.on('error', error => {
      console.error(`${program}: ${error.message}`)
      done(127)
    })
    child.on('exit', (code, signal) => done(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

/**
 * Runs npm, the very one that started us where npm did.
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export function npm(args, options = {}) {
  const script = process.env.npm_execpath
  if (script?.endsWith('.js')) return run(process.execPath, [script, ...args], options)
  return run('npm', args, { shell: process.platform === 'win32', ...options })
}

/** The path of the Node that runs our sources; ends the script if there is none. */
export function node() {
  try {
    return pinnedNode()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}

/** The environment in which Node's children know our flags too. */
export const nodeEnvironment = () => ({
  ...process.env,
  NODE_OPTIONS: [process.env.NODE_OPTIONS, ...nodeFlags].filter(Boolean).join(' '),
})
