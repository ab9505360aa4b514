import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReferenceDevice } from '@modu/engine'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { saveCheckpoint } from './checkpoint.ts'
import { parseConfig } from './config.ts'
import { ModelError } from './errors.ts'
import { readJson } from './files.ts'
import { createModel, loadModel } from './loadModel.ts'
import { readSafetensors, SafetensorsFile, writeSafetensors } from './safetensors.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
const device = createReferenceDevice()

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-checkpoint-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const copy = (name: string): string => {
  cpSync(join(fixtures, name), folder, { recursive: true })
  return folder
}

const refusal = (): ModelError => {
  try {
    loadModel(folder, device)
  } catch (error) {
    if (error instanceof ModelError) return error
    throw error
  }
  throw new Error('expected a refusal')
}

/** name → dtype and shape of everything in a folder's weights. */
function layout(path: string): Record<string, string> {
  const entries: [string, string][] = []
  for (const name of readdirSync(path).filter(f => /^model.*\.safetensors$/.test(f))) {
    const file = new SafetensorsFile(join(path, name))
    for (const info of file.tensors.values()) entries.push([info.name, `${info.dtype} [${info.shape}]`])
    file.close()
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

describe('saveCheckpoint', () => {
  test.each(['k1-base', 'k1-halves', 'k1-mtp', 'k1-tied', 'k1-two-dense-two-shared', 'qwen3', 'llama'])(
    '%s: names, types, shapes, elements and configuration are those of the original',
    name => {
      saveCheckpoint(loadModel(join(fixtures, name), device), folder)
      expect(layout(folder)).toEqual(layout(join(fixtures, name)))
      const original = readSafetensors(join(fixtures, name, 'model.safetensors'))
      for (const [tensor, { data }] of readSafetensors(join(folder, 'model.safetensors')))
        expect(data, tensor).toEqual(original.get(tensor)!.data)
      const {
        transformers_version: _,
        layer_types: __,
        ...config
      } = readJson(join(fixtures, name, 'config.json')) as Record<string, unknown>
      expect(readJson(join(folder, 'config.json'))).toMatchObject(config)
      expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors'])
    },
  )

  test('bf16 in shards: an index that names every tensor, correction biases in float32', () => {
    const model = loadModel(join(fixtures, 'k1-sharded-bf16'), device)
    saveCheckpoint(model, folder, { shardBytes: 60_000 })
    const index = readJson(join(folder, 'model.safetensors.index.json')) as {
      metadata: { total_size: number }
      weight_map: Record<string, string>
    }
    const written = layout(folder)
    expect(Object.keys(index.weight_map).sort()).toEqual(Object.keys(written))
    expect(new Set(Object.values(index.weight_map)).size).toBe(4)
    expect(readJson(join(folder, 'config.json'))).toMatchObject({ dtype: 'bfloat16' })
    const original = layout(join(fixtures, 'k1-sharded-bf16'))
    for (const [name, what] of Object.entries(written))
      expect(what, name).toBe(name.endsWith('e_score_correction_bias') ? 'F32 [8]' : original[name])

    const again = loadModel(folder, device)
    for (const [name, tensor] of model.parameters) expect(again.parameters.get(name)!.data, name).toEqual(tensor.data)
  })

  test('float32 weights rounded to bf16', () => {
    const model = loadModel(join(fixtures, 'llama'), device)
    saveCheckpoint(model, folder, { dtype: 'bfloat16' })
    const again = loadModel(folder, device)
    for (const [name, tensor] of model.parameters) {
      const rounded = again.parameters.get(name)!.data
      const wrong = tensor.data.filter((value, i) => Math.abs(rounded[i]! - value) > Math.abs(value) * 2 ** -8)
      expect(wrong, name).toHaveLength(0)
    }
  })

  test('a checkpoint written over another leaves nothing of it that would be read', () => {
    const model = loadModel(join(fixtures, 'llama'), device)
    const other = createModel(model.config, device, { seed: 1 })
    const weights = (m: typeof model) => m.parameters.get('model.norm.weight')!.data
    saveCheckpoint(model, folder, { shardBytes: 50_000 })
    saveCheckpoint(other, folder)
    expect(weights(loadModel(folder, device))).toEqual(weights(other))
    saveCheckpoint(model, folder, { shardBytes: 50_000 })
    expect(weights(loadModel(folder, device))).toEqual(weights(model))
    expect(readdirSync(folder)).not.toContain('model.safetensors')
  })
})

describe('createModel', () => {
  const config = parseConfig(readJson(join(fixtures, 'k1-mtp/config.json')))

  test('the same seed gives the same weights, another seed others', () => {
    const weights = (seed: number) =>
      [...createModel(config, device, { seed }).parameters].map(([n, t]) => [n, [...t.data]])
    expect(weights(1)).toEqual(weights(1))
    expect(weights(1)).not.toEqual(weights(2))
  })

  test('matrices are normal with the configured deviation, norms 1, correction biases 0', () => {
    const model = createModel(config, device, { seed: 1 })
    const matrix = model.parameters.get('model.layers.1.mlp.experts.gate_up_proj')!
    let squares = 0
    for (const value of matrix.data) squares += value * value
    expect(Math.sqrt(squares / matrix.size)).toBeCloseTo(config.initializerRange, 3)
    expect(new Set(model.parameters.get('model.layers.1.mlp.post_mlp_layernorm.weight')!.data)).toEqual(new Set([1]))
    expect([...model.buffers.keys()]).toHaveLength(3)
    for (const bias of model.buffers.values()) expect(new Set(bias.data)).toEqual(new Set([0]))
  })

  test('what it makes can be saved and loaded', () => {
    const model = createModel(config, device, { seed: 3 })
    saveCheckpoint(model, folder, { dtype: 'float32' })
    const again = loadModel(folder, device)
    const ids = Int32Array.of(1, 5, 9, 2)
    const out = (m: typeof model) => m.logits(m.hidden(ids, 1)).reals
    const [a, b] = [out(model), out(again)]
    for (let i = 0; i < a.length; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(1e-6)
  })
})

describe('loadModel', () => {
  test('leaves out a multi-token-prediction module that the files do not hold', () => {
    copy('k1-base')
    const config = readJson(join(folder, 'config.json')) as object
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, num_nextn_predict_layers: 1 }))
    expect(loadModel(folder, device).config).toMatchObject({ numNextnPredictLayers: 0 })
  })

  test('a folder that does not exist', () => {
    rmSync(folder, { recursive: true })
    expect(refusal()).toMatchObject({
      code: 'missing',
      message: expect.stringContaining(`no checkpoint folder ${folder}`),
    })
  })

  test('a folder without weights', () => {
    cpSync(join(fixtures, 'llama/config.json'), join(folder, 'config.json'))
    expect(refusal()).toMatchObject({ code: 'missing', message: expect.stringContaining('model.safetensors') })
  })

  test('a missing shard', () => {
    copy('k1-sharded-bf16')
    rmSync(join(folder, 'model-00003-of-00004.safetensors'))
    const error = refusal()
    expect(error.code).toBe('missing')
    expect(error.message).toContain('model-00003-of-00004.safetensors')
    expect(error.message).toContain('download')
  })

  test('a damaged index, and one that names what is not there', () => {
    copy('k1-sharded-bf16')
    const path = join(folder, 'model.safetensors.index.json')
    const index = readJson(path) as { weight_map: Record<string, string> }
    writeFileSync(path, '{}')
    expect(refusal()).toMatchObject({ code: 'format', message: expect.stringContaining('weight_map') })
    index.weight_map['model.norm.weight'] = 'model-00001-of-00004.safetensors'
    writeFileSync(path, JSON.stringify(index))
    expect(refusal()).toMatchObject({ code: 'missing', message: expect.stringContaining('"model.norm.weight"') })
    index.weight_map['model.norm.weight'] = '../elsewhere.safetensors'
    writeFileSync(path, JSON.stringify(index))
    expect(refusal().code).toBe('format')
  })

  test('a missing tensor', () => {
    copy('llama')
    const config = readJson(join(folder, 'config.json')) as object
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 3 }))
    const error = refusal()
    expect(error.code).toBe('missing')
    expect(error.message).toContain('"model.layers.2.input_layernorm.weight" (and 8 more)')
  })

  test('a tensor of another shape', () => {
    copy('llama')
    const path = join(folder, 'model.safetensors')
    const tensors = [...readSafetensors(path)].map(([name, { shape, data }]) =>
      name === 'model.norm.weight'
        ? { name, dtype: 'F32' as const, shape: [47], data: data.subarray(0, 47) }
        : { name, dtype: 'F32' as const, shape, data },
    )
    writeSafetensors(path, tensors)
    const error = refusal()
    expect(error.code).toBe('shape')
    expect(error.message).toContain('"model.norm.weight" has the shape [47], but the configuration asks for [48]')
  })

  test('a truncated file', () => {
    copy('llama')
    const path = join(folder, 'model.safetensors')
    truncateSync(path, readFileSync(path).length - 100)
    expect(refusal()).toMatchObject({ code: 'format', message: expect.stringContaining('ends at byte') })
  })

  test('quantized weights', () => {
    copy('llama')
    const config = readJson(join(folder, 'config.json')) as object
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, quantization_config: { bits: 4 } }))
    expect(refusal()).toMatchObject({ code: 'config', message: expect.stringContaining('quantization_config') })
  })
})
