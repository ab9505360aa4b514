import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const bin = fileURLToPath(new URL('../bin/modu.mjs', import.meta.url))

/** Runs the real command in a process of its own, in Korean unless `environment` says otherwise. */
function modu(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, LC_ALL: undefined, LC_MESSAGES: undefined, LANG: 'ko_KR.UTF-8', ...environment }
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const names = ['chat', 'serve', 'train', 'verify', 'params']

describe('the help', () => {
  test('names every command, in Korean or in English', () => {
    const korean = modu(['--help'])
    expect(korean.status).toBe(0)
    for (const name of names) expect(korean.stdout).toMatch(new RegExp(`^ {2}${name} +[가-힣]`, 'm'))
    const english = modu(['--help', '--lang', 'en'])
    for (const name of names) expect(english.stdout).toMatch(new RegExp(`^ {2}${name} +[a-z]`, 'm'))
    expect(english.stdout).toMatch('Usage')
    expect(modu(['--help'], { LANG: 'en_US.UTF-8' }).stdout).toBe(english.stdout)
    expect(modu(['--help'], { LANG: 'C' }).stdout).toBe(korean.stdout)
    expect(modu(['--lang=ko', '--help'], { LANG: 'en_US.UTF-8' }).stdout).toBe(korean.stdout)
  })

  test.each(names)('of %s shows its use and options', name => {
    const { status, stdout, stderr } = modu([name, '--help'])
    expect(status).toBe(0)
    expect(stdout).toMatch(`사용법: modu ${name}`)
    expect(stdout).toMatch('-h, --help')
    expect(stderr).toBe('')
    expect(modu(['help', name]).stdout).toBe(stdout)
  })
})

describe('a wrong command line ends with 2 and names what is wrong', () => {
  test.each([
    [['fly'], 'fly'],
    [['--fly'], '--fly'],
    [['params', '--fly', 'x'], '--fly'],
    [['params', '-y', 'x'], '-y'],
    [['params'], 'CONFIG'],
    [['params', 'a', 'b'], 'b'],
    [['params', 'a', '--json=yes'], '--json'],
    [['serve', '--port'], '--port'],
    [['serve', '--port', 'eighty'], 'eighty'],
    [['serve', '--port', '-1'], '-1'],
    [['verify', 'x', '--device', 'quantum'], 'reference, cpu'],
    [['chat', '--temperature', '3'], '--temperature'],
    [['chat', '--lang', 'fr'], 'fr'],
    [['help', 'fly'], 'fly'],
  ])('modu %j', (args, named) => {
    const { status, stdout, stderr } = modu(args)
    expect(stderr).toMatch(named)
    expect(stderr).toMatch(/[가-힣]/)
    expect(stderr).not.toMatch(/\n {4}at /)
    expect(stdout).toBe('')
    expect(status).toBe(2)
  })

  test('no command at all shows the overview', () => {
    const { status, stdout } = modu([])
    expect(status).toBe(2)
    expect(stdout).toMatch('사용법')
  })
})

test('--version is that of the package', () => {
  expect(modu(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' })
})
