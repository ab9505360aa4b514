import { describe, expect, test } from 'vitest'
import { modu } from './testing.ts'

const names = ['chat', 'serve', 'train', 'runs', 'eval', 'verify', 'params', 'doctor']

describe('the help', () => {
  test('names every command, in Korean or in English', async () => {
    const korean = await modu(['--help'])
    expect(korean.status).toBe(0)
    for (const name of names) expect(korean.stdout).toMatch(new RegExp(`^ {2}${name} +[가-힣]`, 'm'))
    const english = await modu(['--help', '--lang', 'en'])
    for (const name of names) expect(english.stdout).toMatch(new RegExp(`^ {2}${name} +[a-z]`, 'm'))
    expect(english.stdout).toMatch('Usage')
    expect((await modu(['--help'], { LANG: 'en_US.UTF-8' })).stdout).toBe(english.stdout)
    expect((await modu(['--help'], { LANG: 'C' })).stdout).toBe(korean.stdout)
    expect((await modu(['--lang=ko', '--help'], { LANG: 'en_US.UTF-8' })).stdout).toBe(korean.stdout)
  })

  test.each(names)('of %s shows its use and options', async name => {
    const { status, stdout, stderr } = await modu([name, '--help'])
    expect(status).toBe(0)
    expect(stdout).toMatch(`사용법: modu ${name}`)
    expect(stdout).toMatch('-h, --help')
    expect(stderr).toBe('')
    expect((await modu(['help', name])).stdout).toBe(stdout)
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
  ])('modu %j', async (args, named) => {
    const { status, stdout, stderr } = await modu(args)
    expect(stderr).toMatch(named)
    expect(stderr).toMatch(/[가-힣]/)
    expect(stderr).not.toMatch(/\n {4}at /)
    expect(stdout).toBe('')
    expect(status).toBe(2)
  })

  test('no command at all shows the overview', async () => {
    const { status, stdout } = await modu([])
    expect(status).toBe(2)
    expect(stdout).toMatch('사용법')
  })
})

test('--version is that of the package', async () => {
  expect(await modu(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' })
})
