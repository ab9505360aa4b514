import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fail, run, say } from './project.mjs'

/**
 * Sees to a Chromium and Korean glyphs for the tests of the page: by apt where the system has it and we may, else it
 * ends with a word on what to install.
 */
export async function ensureBrowser() {
  const missing = [...(findBrowser() ? [] : ['chromium']), ...(hasKoreanFont() ? [] : ['fonts-noto-cjk', 'fontconfig'])]
  if (missing.length === 0) return
  const apt = aptGet()
  if (apt) {
    say(`apt로 설치합니다: ${missing.join(' ')}`, `Installing by apt: ${missing.join(' ')}`)
    /** @type {import('node:child_process').SpawnOptions} */
    const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
    const [program, ...prefix] = apt
    await run(program, [...prefix, 'update', '-q'], options)
    await run(program, [...prefix, 'install', '-q', '-y', '--no-install-recommends', ...missing], options)
  }
  if (!findBrowser() || (apt && !hasKoreanFont())) {
    fail(
      '웹 페이지 시험에는 Chromium과 한글 글꼴이 필요합니다. 설치한 뒤 다시 실행해 주세요 (Debian: apt-get install chromium fonts-noto-cjk). 다른 곳에 있는 Chromium은 CHROMIUM=경로 로 알려 주세요.',
      'The tests of the page need Chromium and Korean fonts. Install them and try again (Debian: apt-get install chromium fonts-noto-cjk). CHROMIUM=path names a Chromium elsewhere.',
    )
  }
}

/**
 * The path of a Chromium or Chrome: CHROMIUM in the environment, else the usual names in PATH, else the usual places.
 * @returns {string | undefined}
 */
export function findBrowser() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = [
    process.env.CHROMIUM,
    ...names.flatMap(name => folders.map(folder => join(folder, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ]
  return candidates.find(path => path && existsSync(path))
}

/** Only Linux may lack Korean glyphs; where fontconfig is not there, they are not either. */
function hasKoreanFont() {
  if (process.platform !== 'linux') return true
  const fonts = spawnSync('fc-list', [':lang=ko'], { encoding: 'utf8' })
  return fonts.status === 0 && fonts.stdout.trim() !== ''
}

/** @returns {string[] | undefined} how to run apt-get with the rights to install, without asking for a password */
function aptGet() {
  if (spawnSync('apt-get', ['--version']).status !== 0) return undefined
  if (process.getuid?.() === 0) return ['apt-get']
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n', 'apt-get'] : undefined
}
