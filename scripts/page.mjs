import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fail, npm, root, say } from './project.mjs'

const notSources = new Set(['dist', 'node_modules', 'test'])

/**
 * Builds the page of `app` into its folder dist if its sources changed since it was built last. Every page is made with
 * the look of apps/web.
 * @param {'apps/web' | 'apps/dashboard'} app
 * @returns {Promise<string>} the folder of the built page
 */
export async function ensurePage(app) {
  const dist = join(root, app, 'dist')
  const stamp = join(dist, '.sources')
  const sources = new Set([app, 'apps/web', 'package-lock.json'])
  const hash = hashOf([...sources].flatMap(path => filesUnder(join(root, path))))
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return dist
  say('웹 페이지를 빌드합니다…', 'Building the page…')
  const code = await npm(['run', 'build', '--silent', '--workspace', app], { stdio: ['ignore', 2, 2] })
  if (code !== 0) {
    fail('웹 페이지를 빌드하지 못했습니다. 위의 오류를 확인해 주세요.', 'The page was not built: see the error above.')
  }
  writeFileSync(stamp, hash)
  return dist
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
