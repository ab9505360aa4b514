import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { availableTargets, createCpuDevice, createReferenceDevice, type Device } from '@modu/engine'
import { afterAll, describe, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors } from './safetensors.ts'
import { type Comparison, verify } from './verify.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
const at = (name: string): string => join(fixtures, name)
const misses = (comparisons: readonly Comparison[]): string[] =>
  comparisons.filter(c => !c.ok).map(c => `${c.name}: ${c.error} > ${c.tolerance}`)

const devices: readonly (readonly [string, Device])[] = [
  ['reference', createReferenceDevice()],
  ...availableTargets().map(target => [target, createCpuDevice({ threads: 2, target })] as const),
]
afterAll(async () => {
  for (const [, device] of devices) await device.close()
})

describe.each(devices)('the official golden outputs on the device %s', (_, device) => {
  /** Folder and how many golden tensors it compares, so that none is skipped silently. */
  test.each([
    ['k1-base', 108],
    ['k1-yarn', 8],
    ['k1-two-dense-two-shared', 8],
    ['k1-halves', 7],
    ['k1-sharded-bf16', 7],
    ['k1-mtp', 9],
    ['k1-tied', 67],
    ['qwen3', 56],
    ['llama', 7],
  ])('%s', (name, count) => {
    const comparisons = verify({ checkpoint: at(name), golden: at(name), device })
    expect(misses(comparisons)).toEqual([])
    expect(comparisons).toHaveLength(count)
  })

  test('k1-yarn with a configuration in DeepSeek style', () => {
    const golden = join(at('k1-yarn'), 'forward.safetensors')
    const comparisons = verify({
      checkpoint: at('k1-yarn-legacy-config'),
      weights: at('k1-yarn'),
      golden,
      device,
    })
    expect(misses(comparisons)).toEqual([])
    expect(comparisons).toHaveLength(8)
  })
})

describe('verify', () => {
  const device = createReferenceDevice()

  test('tells when a model differs from the golden outputs', () => {
    const comparisons = verify({
      checkpoint: at('k1-yarn'),
      golden: join(at('k1-base'), 'forward.safetensors'),
      device,
    })
    expect(misses(comparisons).length).toBeGreaterThan(0)
  })

  test('tells one changed gradient', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modu-verify-'))
    try {
      cpSync(join(at('qwen3'), 'info.json'), join(folder, 'info.json'))
      const golden = readSafetensors(join(at('qwen3'), 'train.safetensors'))
      golden.get('grad.model.norm.weight')!.data[3]! += 0.5
      writeSafetensors(
        join(folder, 'train.safetensors'),
        [...golden].map(([name, { shape, data }]) => ({
          name,
          shape,
          data,
          dtype: data instanceof Int32Array ? 'I32' : 'F32',
        })),
      )
      const failing = verify({ checkpoint: at('qwen3'), golden: folder, device }).filter(c => !c.ok)
      expect(failing.map(c => c.name)).toEqual(['grad.model.norm.weight'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('names golden outputs that are missing or something else', () => {
    const run = (golden: string) => () => verify({ checkpoint: at('llama'), golden, device })
    expect(run(at('nothing'))).toThrow(/nothing does not exist/)
    expect(run(at('configs'))).toThrow(/holds none of forward\.safetensors/)
    expect(run(join(at('llama'), 'model.safetensors'))).toThrow(/not laid out like golden outputs/)
    expect(run(join(at('k1-mtp'), 'mtp.safetensors'))).toThrow(/no multi-token-prediction module/)
  })
})
