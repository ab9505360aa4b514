import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodePackage } from '../packages/cli/bin/pinnedNode.mjs'
import { fail, npm, root, say } from './project.mjs'

/** Installs the packages of package-lock.json if any is missing from node_modules or has another version there. */
export async function ensureInstalled() {
  const reason = staleReason(readPackages('package-lock.json') ?? {}, readPackages('node_modules/.package-lock.json'))
  if (!reason) return
  say(`필요한 패키지를 설치합니다 (npm ci): ${reason}`, `Installing packages (npm ci): ${reason}`)
  const started = Date.now()
  // What npm prints goes to standard error: standard output belongs to the command that needed the packages.
  const code = await npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] })
  if (code !== 0) {
    fail(
      '설치하지 못했습니다. 네트워크와 디스크 공간을 확인하고 npm ci를 직접 실행해 보세요.',
      'Installing failed. Check network and disk space, then run npm ci yourself.',
    )
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(0)
  say(`설치를 마쳤습니다 (${seconds}초).`, `Installed (${seconds} s).`)
}

/**
 * Why node_modules does not match the lock file; undefined if it does. npm itself notes in
 * node_modules/.package-lock.json what it installed, after the last file is in place.
 * @param {Record<string, any>} wanted
 * @param {Record<string, any> | undefined} installed
 * @returns {string | undefined}
 */
export function staleReason(wanted, installed) {
  if (!installed) return 'node_modules'
  for (const [path, entry] of Object.entries(wanted)) {
    const place = path.lastIndexOf('node_modules/')
    if (place < 0) continue
    const name = path.slice(place + 'node_modules/'.length)
    const found = installed[path]
    // Packages for other platforms are in the lock file only. The one that holds our Node must be there.
    if (!found && entry.optional && name !== nodePackage()) continue
    if (!found || found.version !== entry.version) return name
  }
  return undefined
}

/** @param {string} file */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}
