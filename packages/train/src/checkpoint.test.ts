import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReferenceDevice } from '@modu/engine'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findCheckpoint, loadCheckpoint, type RunState, saveCheckpoint } from './checkpoint.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-checkpoint-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const device = createReferenceDevice()
const state = (step: number): RunState => ({
  step,
  stage: 'pretrain',
  stageStep: step,
  tokens: 0,
  seconds: 0,
  dataKey: 'k',
})
const tensors = (value: number) => new Map([['w', device.from([value, 1 / 3, Math.PI], [3])]])

test('comes back bit for bit; the last two stay', () => {
  for (const step of [1, 2, 3]) saveCheckpoint(folder, state(step), tensors(step / 7))
  expect(readdirSync(folder).sort()).toEqual(['step-000002', 'step-000003'])
  const found = findCheckpoint(folder)!
  expect(found.state).toEqual(state(3))
  const read = tensors(0)
  loadCheckpoint(found.path, read)
  expect(read.get('w')!.data).toEqual(tensors(3 / 7).get('w')!.data)
})

test('half a checkpoint is never found', () => {
  saveCheckpoint(folder, state(5), tensors(5))
  mkdirSync(join(folder, 'step-000006.tmp'))
  expect(findCheckpoint(folder)!.state.step).toBe(5)
  expect(readdirSync(folder)).toEqual(['step-000005'])
  expect(findCheckpoint(join(folder, 'none'))).toBeUndefined()
})

test('a full disk is a clear error and the earlier checkpoint stays sound', () => {
  // A file-size limit is the nearest to a full disk that needs no privileges: the write stops midway.
  const script = `
    import { createReferenceDevice } from '@modu/engine'
    import { saveCheckpoint } from '${join(import.meta.dirname, 'checkpoint.ts')}'
    process.on('SIGXFSZ', () => {})
    const device = createReferenceDevice()
    const state = step => ({ step, stage: 'pretrain', stageStep: step, tokens: 0, seconds: 0, dataKey: 'k' })
    saveCheckpoint(process.argv[1], state(1), new Map([['w', device.from([1, 2, 3], [3])]]))
    try {
      saveCheckpoint(process.argv[1], state(2), new Map([['w', device.persistent([1 << 20])]]))
    } catch (error) {
      console.log(error.code, error.message)
    }`
  const node = `"${process.execPath}" --no-warnings --input-type=module -e "$SCRIPT" "$FOLDER"`
  const env = { ...process.env, SCRIPT: script, FOLDER: folder }
  const run = spawnSync('bash', ['-c', `ulimit -f 64; ${node}`], { env, cwd: import.meta.dirname, encoding: 'utf8' })
  expect(run.stdout, run.stderr).toMatch(/^disk the checkpoint of step 2 could not be written.*make room/)
  expect(readdirSync(folder)).toEqual(['step-000001'])
  const read = tensors(0)
  loadCheckpoint(findCheckpoint(folder)!.path, read)
  expect([...read.get('w')!.data]).toEqual([1, 2, 3])
})
