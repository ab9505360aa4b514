import { execFileSync, spawnSync } from 'node:child_process'
import { DynamicLibrary } from 'node:ffi'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedObject } from './elf.ts'

const opensHere = process.platform === 'linux' && process.arch === 'x64'

const isInstalled = (tool: string): boolean => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** `lea rax, [rdi + rsi]; ret`, then `mov rax, [rip + constant]; ret` with its constant 42 behind it. */
const code = Uint8Array.of(
  ...[0x48, 0x8d, 0x04, 0x37, 0xc3, 0x90, 0x90, 0x90],
  ...[0x48, 0x8b, 0x05, 0x01, 0x00, 0x00, 0x00, 0xc3],
  ...[42, 0, 0, 0, 0, 0, 0, 0],
)
const symbols = [
  { name: 'sum', offset: 0 },
  { name: 'answer', offset: 8 },
]

describe('sharedObject', () => {
  let folder: string
  let path: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'modu-elf-'))
    path = join(folder, 'object.so')
    writeFileSync(path, sharedObject(code, symbols, 'modu-test'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.runIf(opensHere)('opens, and its functions run', () => {
    const library = new DynamicLibrary(path)
    const sum = library.getFunction('sum', { arguments: ['pointer', 'pointer'], return: 'pointer' })
    const answer = library.getFunction('answer', { arguments: [], return: 'pointer' })
    expect(sum(3n, 4n)).toBe(7n)
    expect(answer()).toBe(42n)
    expect(library.getSymbol('answer') - library.getSymbol('sum')).toBe(8n)
    expect(() => library.getSymbol('nobody')).toThrow()
  })

  test.runIf(opensHere)('finds each of many symbols', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ name: `kernel_${i}`, offset: i }))
    const manyPath = join(folder, 'many.so')
    writeFileSync(manyPath, sharedObject(new Uint8Array(5000).fill(0xc3), many, 'modu-many'))
    const library = new DynamicLibrary(manyPath)
    const first = library.getSymbol('kernel_0')
    for (const { name, offset } of many) expect(library.getSymbol(name)).toBe(first + BigInt(offset))
  })

  test.runIf(isInstalled('readelf'))('is sound to readelf, and no segment is writable and executable', () => {
    const { stdout, stderr } = readelf('--all', '--wide')
    expect(stderr).toBe('')
    expect(stdout).not.toMatch(/warning|error|corrupt/i)
    expect(stdout).toMatch('Library soname: [modu-test]')
    expect(stdout).toMatch(/^ +GNU_STACK .* RW +0x/m)
    expect(stdout).toMatch(/^ +LOAD .* R E 0x1000$/m)
    expect(stdout).not.toMatch(/RWE|W E /)
  })

  test.runIf(isInstalled('objdump'))('can be read with objdump and nm', () => {
    const listing = execFileSync('objdump', ['-d', '-M', 'intel', path], { encoding: 'utf8' })
    expect(listing).toMatch(/<sum>:\n.*lea +rax,\[rdi\+rsi\*1\]/)
    expect(listing).toMatch(/<answer>:\n.*mov +rax,QWORD PTR \[rip\+0x1\]/)
    expect(execFileSync('nm', ['-D', path], { encoding: 'utf8' })).toMatch(/ T answer\n.* T sum\n/)
  })

  function readelf(...options: string[]) {
    const { status, stdout, stderr } = spawnSync('readelf', [...options, path], { encoding: 'utf8' })
    expect(status).toBe(0)
    return { stdout, stderr }
  }
})
