import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readJson } from './files.ts'
import { countParams, formatParamsTable } from './params.ts'
import { SafetensorsFile } from './safetensors.ts'

const fixtures = join(import.meta.dirname, '../fixtures')

/** Elements in a checkpoint's files, without the stray norms that no layer uses. */
function storedElements(folder: string): number {
  let sum = 0
  for (const name of readdirSync(folder).filter(f => /^model.*\.safetensors$/.test(f))) {
    const file = new SafetensorsFile(join(folder, name))
    for (const { name, shape } of file.tensors.values())
      if (name !== 'model.layers.0.post_mlp_layernorm.weight') sum += shape.reduce((a, b) => a * b, 1)
    file.close()
  }
  return sum
}

describe('countParams', () => {
  test('arrives at the official totals of A.X K1', () => {
    const official = readJson(join(fixtures, 'configs/a.x-k1.params.json')) as Record<string, number>
    const count = countParams(join(fixtures, 'configs/a.x-k1.json'))
    expect(count.total).toBe(official.total)
    expect(count.active).toBe(official.active_per_token)
    expect(count.activeWithoutInputEmbedding).toBe(official.active_without_input_embedding)
    expect(count.bytes).toEqual({ bf16: 2 * official.total!, int8: official.total, int4: official.total! / 2 })
    expect(count.cacheBytesPerToken).toBe(61 * 576 * 2)
    expect(count.components.map(c => c.component)).toEqual([
      'embedding',
      'attention',
      'denseMlp',
      'routedExperts',
      'sharedExperts',
      'router',
      'norms',
      'head',
    ])
    expect(count.components.reduce((sum, c) => sum + c.total, 0)).toBe(official.total)
  })

  test.each(['k1-base', 'k1-halves', 'k1-mtp', 'k1-tied', 'k1-two-dense-two-shared', 'qwen3', 'llama'])(
    '%s: as many as the checkpoint stores',
    name => {
      const { total, buffers } = countParams(join(fixtures, name))
      expect(total + buffers).toBe(storedElements(join(fixtures, name)))
    },
  )

  test('k1-sharded-bf16: as many as the shards store, which lack the correction biases', () => {
    expect(countParams(join(fixtures, 'k1-sharded-bf16')).total).toBe(storedElements(join(fixtures, 'k1-sharded-bf16')))
  })

  test('multi-token prediction counts in the total, not in the active', () => {
    const plain = countParams(join(fixtures, 'k1-base'))
    const mtp = countParams(join(fixtures, 'k1-mtp'))
    expect(mtp.active).toBe(plain.active)
    expect(mtp.total).toBeGreaterThan(plain.total)
  })

  test('prints an aligned table', () => {
    const lines = formatParamsTable(countParams(join(fixtures, 'configs/a.x-k1.json'))).split('\n')
    expect(lines.at(-1)).toMatch(/^sum +518,983,052,288 +32,779,332,608$/)
    expect(new Set(lines.map(line => line.length)).size).toBe(1)
  })
})
