import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { callEntry } from '../kernel/abi.ts'
import { sharedObject } from '../kernel/x64/elf.ts'
import { loadNative, nativeReplay, nativeSupport, openFromFolder, rawAddress } from './native.ts'

const isLinux = process.platform === 'linux' && process.arch === 'x64'
const { ok } = nativeSupport()

test.runIf(isLinux)('agrees with /proc/cpuinfo about the processor', () => {
  const info = readFileSync('/proc/cpuinfo', 'utf8')
  const flags = new Set(/^flags\s*: (.*)$/m.exec(info)?.[1]?.split(' '))
  const support = nativeSupport()
  expect(support.ok).toBe(['avx2', 'fma', 'bmi2'].every(flag => flags.has(flag)))
  if (!support.ok) return
  const { features, targets } = support
  expect(features).toMatchObject({
    vendor: /^vendor_id\s*: (.*)$/m.exec(info)![1],
    brand: /^model name\s*: (.*)$/m.exec(info)![1]!.trim().replace(/ +/g, ' '),
    avx2: flags.has('avx2'),
    fma: flags.has('fma'),
    bmi2: flags.has('bmi2'),
    avx512: ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl'].every(flag => flags.has(flag)),
    vnni: flags.has('avx512_vnni'),
    bf16: flags.has('avx512_bf16'),
  })
  expect(targets.map(({ name }) => name)).toEqual(features.avx512 ? ['x64-avx512', 'x64-avx2'] : ['x64-avx2'])
})

describe.runIf(ok)('loadNative', () => {
  /** mov eax, N; ret */
  const constant = (n: number) => Uint8Array.of(0xb8, n, 0, 0, 0, 0xc3)

  test('opens many objects with the same symbol, each with its own code', () => {
    const values = Array.from({ length: 50 }, (_, i) => {
      const object = loadNative(sharedObject(constant(i), [{ name: 'run', offset: 0 }], 'test'), 'test')
      return object.library.getFunction('run', { arguments: [], return: 'int32' })()
    })
    expect(values).toEqual(values.map((_, i) => i))
  })

  test('maps nothing writable and executable', () => {
    loadNative(sharedObject(constant(1), [{ name: 'run', offset: 0 }], 'test'), 'visible')
    const lines = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter(line => line.includes('modu:visible'))
    expect(lines.map(line => line.split(' ')[1])).toEqual(['r--p', 'r-xp', 'r--p'])
  })

  test('opens from a folder that is gone at once where there are no files in memory', () => {
    const library = openFromFolder(sharedObject(constant(7), [{ name: 'run', offset: 0 }], 'test'))
    const other = openFromFolder(sharedObject(constant(8), [{ name: 'run', offset: 0 }], 'test'))
    const run = (from: typeof library) => from.getFunction('run', { arguments: [], return: 'int32' })()
    expect([run(library), run(other)]).toEqual([7, 8])
    const mapped = readFileSync('/proc/self/maps', 'utf8').split('\n')
    for (const { path } of [library, other])
      expect(mapped.filter(line => line.includes(`${path} (deleted)`))).not.toEqual([])
    expect(existsSync(library.path)).toBe(false)
  })

  test('refuses what is no shared object with the reason', () => {
    expect(() => loadNative(new Uint8Array(100), 'test')).toThrow(/refused to map generated code: .*ELF/)
  })
})

describe.runIf(ok)('nativeReplay', () => {
  /** Writes thread, threads and the stack pointer to args, counts the call, and leaves −1 in what it may overwrite. */
  const observe = Uint8Array.of(
    ...[0x48, 0x89, 0x37], // mov [rdi], rsi
    ...[0x48, 0x89, 0x57, 0x08], // mov [rdi + 8], rdx
    ...[0x48, 0x89, 0x67, 0x10], // mov [rdi + 16], rsp
    ...[0x48, 0xff, 0x47, 0x18], // inc qword [rdi + 24]
    ...[0x31, 0xc0, 0x48, 0xff, 0xc8], // xor eax, eax; dec rax
    ...[0x48, 0x89, 0xc1, 0x48, 0x89, 0xc2, 0x48, 0x89, 0xc6, 0x48, 0x89, 0xc7], // mov rcx, rdx, rsi, rdi, rax
    ...[0x49, 0x89, 0xc0, 0x49, 0x89, 0xc1, 0x49, 0x89, 0xc2, 0x49, 0x89, 0xc3], // mov r8, r9, r10, r11, rax
    ...[0xc3], // ret
  )

  function listOfThree() {
    const code = loadNative(sharedObject(observe, [{ name: 'run', offset: 0 }], 'test'), 'observe').address('run')
    const memory = new BigInt64Array(new SharedArrayBuffer(1024))
    const base = rawAddress(memory.buffer)
    for (let call = 0; call < 3; call++) {
      const entry = (call * callEntry.bytes) / 8
      memory[entry + callEntry.code / 8] = code
      memory[entry + callEntry.args / 8] = base + BigInt(512 + 64 * call)
      memory[entry + callEntry.threads / 8] = BigInt(10 + call)
    }
    return { memory, base }
  }

  test('makes each call of a list with its arguments, on an aligned stack', () => {
    const { memory, base } = listOfThree()
    const replay = nativeReplay()
    replay(base, 0n, 5n)
    expect(memory.subarray(64).every(word => word === 0n)).toBe(true)
    replay(base, 2n, 5n)
    replay(base, 3n, 5n)
    for (let call = 0; call < 3; call++) {
      const [thread, threads, stack, calls] = memory.subarray(64 + 8 * call)
      expect([thread, threads, calls]).toEqual([5n, BigInt(10 + call), call < 2 ? 2n : 1n])
      // A call pushes the return address onto a stack that was aligned to 16 bytes.
      expect(stack! % 16n).toBe(8n)
    }
  })

  test('runs code that another thread has opened', async () => {
    const { memory, base } = listOfThree()
    const source = `import { workerData } from 'node:worker_threads'
      import { nativeReplay } from '${new URL('./native.ts', import.meta.url)}'
      nativeReplay()(workerData, 3n, 1n)`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: base })
    const code = await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve))
    expect(code).toBe(0)
    expect(memory[64]).toBe(1n)
    expect(memory[64 + 16 + 3]).toBe(1n)
  })
})

describe.runIf(isLinux)('nativeSupport says why not', () => {
  const script = `import { nativeSupport } from '${new URL('./native.ts', import.meta.url)}'
    console.log(JSON.stringify(nativeSupport()))`
  const supportWith = (...flags: string[]) => {
    const args = ['--no-warnings', ...flags, '--input-type=module', '--eval', script]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  }

  test('where node:ffi is switched off', () => {
    const reason = `node:ffi is not available in Node ${process.versions.node}`
    expect(supportWith('--no-experimental-ffi')).toEqual({ ok: false, obstacle: 'node', reason })
  })

  test('where a policy forbids it', () => {
    const { ok, obstacle, reason } = supportWith('--permission', '--allow-fs-read=*')
    expect([ok, obstacle]).toEqual([false, 'system'])
    expect(reason).toMatch('--allow-ffi')
  })

  test.runIf(ok)('and is content where the policy allows it, without writing a file', () => {
    expect(supportWith('--permission', '--allow-fs-read=*', '--allow-ffi').ok).toBe(true)
  })
})
