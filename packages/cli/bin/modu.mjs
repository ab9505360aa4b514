#!/usr/bin/env node
// Starts src/main.ts on a Node that can run it, whatever Node this file was started with.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { nodeFlags, pinnedNode } from './pinnedNode.mjs'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

try {
  relaunch(pinnedNode(), [...nodeFlags, main, ...process.argv.slice(2)])
} catch (error) {
  console.error(`modu: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}

/**
 * Becomes the other program where the system can do that; else stands by while it runs and ends as it ends.
 * @param {string} node
 * @param {string[]} args
 */
function relaunch(node, args) {
  if (process.execve && process.platform !== 'win32') process.execve(node, [node, ...args], process.env)
  const child = spawn(node, args, { stdio: 'inherit' })
  /** @param {NodeJS.Signals} signal */
  const forward = signal => child.kill(signal)
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  // Ctrl-C in a terminal reaches the child by itself; a second copy would count as pressed twice.
  process.on('SIGINT', onTerminal ? () => {} : forward)
  process.on('SIGTERM', forward)
  process.on('SIGHUP', forward)
  child.on('error', error => {
    console.error(`modu: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)))
}
