import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LineTail } from './lineTail.ts'

let folder: string
let path: string
let tail: LineTail
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-tail-'))
  path = join(folder, 'lines')
  tail = new LineTail(path)
})
afterEach(() => rmSync(folder, { recursive: true }))

test('gives every line once, and a half-written one when it is complete', () => {
  expect(tail.read()).toEqual({ lines: [], restarted: false })
  writeFileSync(path, '하나\n둘\n셋의 ')
  expect(tail.read()).toEqual({ lines: ['하나', '둘'], restarted: false })
  expect(tail.read().lines).toEqual([])
  appendFileSync(path, '반')
  expect(tail.read().lines).toEqual([])
  appendFileSync(path, '쪽\n넷\n')
  expect(tail.read()).toEqual({ lines: ['셋의 반쪽', '넷'], restarted: false })
})

test('a character written in two parts stays whole', () => {
  const [first, second] = [Buffer.from('한\n').subarray(0, 2), Buffer.from('한\n').subarray(2)]
  writeFileSync(path, first)
  expect(tail.read().lines).toEqual([])
  appendFileSync(path, second)
  expect(tail.read().lines).toEqual(['한'])
})

test('lines longer than a piece, and many pieces, come through whole', () => {
  const lines = Array.from({ length: 5 }, (_, i) => String(i).repeat(3_000_000))
  writeFileSync(path, `${lines.join('\n')}\n`)
  expect(tail.read().lines).toEqual(lines)
})

test('a file cut back, replaced or removed is read anew', () => {
  writeFileSync(path, 'a\nb\nc\n')
  tail.read()
  writeFileSync(path, 'a\n')
  expect(tail.read()).toEqual({ lines: ['a'], restarted: true })
  expect(tail.read()).toEqual({ lines: [], restarted: false })

  // As long as before, but another file.
  writeFileSync(join(folder, 'next'), 'x\n')
  renameSync(join(folder, 'next'), path)
  expect(tail.read()).toEqual({ lines: ['x'], restarted: true })

  rmSync(path)
  expect(tail.read()).toEqual({ lines: [], restarted: true })
})
