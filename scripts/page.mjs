import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fail, npm, root, say } from './project.mjs'

const app = join(root, 'apps/web')
const stamp = join(app, 'dist/.sources')
const sources = ['apps/web', 'package-lock.json']
const notSources = new Set(['dist', 'node_modules', 'test'])

/** Builds the page into apps/web/dist if its sources changed since it was built last. */
export async function ensurePage() {
  const hash = hashOf(sources.flatMap(path => filesUnder(join(root, path))))
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  say('웹 페이지를 빌드합니다…', 'Building the page…')
  const code = await npm(['run', 'build', '--silent', '--workspace', 'apps/web'], { stdio: ['ignore', 2, 2] })
  if (code !== 0) {
    fail('웹 페이지를 빌드하지 못했습니다. 위의 오류를 확인해 주세요.', 'The page was not built: see the error above.')
  }
  writeFileSync(stamp, hash)
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter(name => !notSources.has(name))
  return names.sort().flatMap(name => filesUnder(join(path, name)))
}

/** @param {string[]} files */
function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0')
  return hash.digest('hex')
}
