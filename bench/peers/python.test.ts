import { afterEach, expect, test, vi } from 'vitest'
import { pythonPeer } from './python.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

test('without Python there is a word on how to install it, and no peer', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.stubEnv('MODU_PYTHON', '/nowhere/python')
  expect(await pythonPeer('train', {})).toBeUndefined()
  expect(log.mock.calls[0]![0]).toContain('pip install -r bench/peers/requirements.txt')
})

test('the last line of the output is the answer, and a failing script is an error', async () => {
  // Any program serves as "Python": it gets the script's path and the arguments.
  vi.stubEnv('MODU_PYTHON', '/bin/echo')
  await expect(pythonPeer('train', { threads: 2 })).rejects.toThrow(SyntaxError)
  vi.stubEnv('MODU_PYTHON', '/bin/false')
  await expect(pythonPeer('train', {})).rejects.toThrow('bench/peers/train.py failed with code 1')
})
