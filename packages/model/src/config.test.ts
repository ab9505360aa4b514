import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configToJson, configToText, type K1Config, parseConfig, readConfig } from './config.ts'
import { ModelError } from './errors.ts'
import { readJson } from './files.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
const json = (name: string): Record<string, unknown> =>
  readJson(join(fixtures, name, 'config.json')) as Record<string, unknown>

const refusal = (config: unknown): ModelError => {
  try {
    parseConfig(config, 'x/config.json')
  } catch (error) {
    if (error instanceof ModelError) return error
    throw error
  }
  throw new Error('expected a refusal')
}

describe('readConfig', () => {
  test('both styles of the YaRN model say the same', () => {
    const { dtype: _, extra: __, ...current } = readConfig(join(fixtures, 'k1-yarn'))
    const { dtype: ___, extra: ____, ...legacy } = readConfig(join(fixtures, 'k1-yarn-legacy-config'))
    expect(legacy).toEqual(current)
    expect(current.ropeParameters).toEqual({
      type: 'yarn',
      theta: 10000,
      factor: 8,
      originalMaxPositions: 64,
      betaFast: 32,
      betaSlow: 1,
      mscale: 1,
      mscaleAllDim: 1,
      attentionFactor: undefined,
      truncate: true,
    })
  })

  test('the published A.X K1, from the folder or the file', () => {
    const config = readConfig(join(fixtures, 'configs/a.x-k1.json')) as K1Config
    expect(config).toMatchObject({
      modelType: 'axk1',
      hiddenSize: 7168,
      nRoutedExperts: 192,
      nGroup: 8,
      topkGroup: 4,
      dtype: 'bfloat16',
      eosTokenIds: [163691],
      ropeInterleave: true,
    })
    expect(config.mlpLayerTypes.filter(type => type === 'dense')).toHaveLength(1)
  })

  test('the official defaults', () => {
    const { total, ...rest } = { total: 0, ...parseConfig({ model_type: 'axk1' }) }
    expect(total).toBe(0)
    expect(rest).toMatchObject({ vocabSize: 163840, numHiddenLayers: 61, kvLoraRank: 512, routedScalingFactor: 2.5 })
    expect(parseConfig({ model_type: 'llama' })).toMatchObject({
      headDim: 128,
      numKeyValueHeads: 32,
      maxPositions: 2048,
    })
    expect(parseConfig({ model_type: 'qwen3' })).toMatchObject({ headDim: 128, vocabSize: 151936 })
  })

  test('dense layers by first_k_dense_replace and moe_layer_freq', () => {
    const types = (fields: object) =>
      (parseConfig({ model_type: 'axk1', num_hidden_layers: 5, ...fields }) as K1Config).mlpLayerTypes.join(' ')
    expect(types({ first_k_dense_replace: 2 })).toBe('dense dense sparse sparse sparse')
    expect(types({ first_k_dense_replace: 0 })).toBe('sparse sparse sparse sparse sparse')
    expect(types({ moe_layer_freq: 2 })).toBe('dense dense sparse dense sparse')
  })

  test('several end tokens, none, and a null', () => {
    expect(parseConfig({ model_type: 'llama', eos_token_id: [3, 4] }).eosTokenIds).toEqual([3, 4])
    expect(parseConfig({ model_type: 'llama', eos_token_id: null }).eosTokenIds).toEqual([])
  })

  test.each([
    'k1-base',
    'k1-yarn',
    'k1-halves',
    'k1-mtp',
    'k1-two-dense-two-shared',
    'k1-sharded-bf16',
    'qwen3',
    'llama',
  ])('%s: what is written again is what transformers wrote', name => {
    const { transformers_version: _, layer_types: __, ...official } = json(name)
    expect(configToJson(parseConfig(json(name)))).toMatchObject(official)
  })

  test('whole real numbers are written with a decimal point, whole counts without', () => {
    const text = configToText(parseConfig({ ...json('k1-yarn'), routed_scaling_factor: 1 }))
    expect(text).toContain('"routed_scaling_factor": 1.0,')
    expect(text).toContain('"attention_dropout": 0.0,')
    expect(text).toMatch(/"rope_theta": 10000\.0,\n +"factor": 8\.0,/)
    expect(text).toContain('"rms_norm_eps": 0.000001,')
    expect(text).toContain('"n_group": 4,')
    expect(parseConfig(JSON.parse(text))).toMatchObject({ routedScalingFactor: 1, nGroup: 4 })
  })

  test('fields without influence are kept', () => {
    const config = parseConfig({ ...json('k1-base'), aux_loss_alpha: 0.001, ep_size: 1 })
    expect(configToJson(config)).toMatchObject({ aux_loss_alpha: 0.001, ep_size: 1 })
    expect(parseConfig(configToJson(config))).toEqual(config)
  })
})

describe('a configuration that cannot be run', () => {
  test.each([
    ['unknown family', { model_type: 'gpt9' }, 'model_type is "gpt9"', 'axk1, llama, qwen3'],
    ['no family', { model_type: undefined }, 'model_type is missing', 'known'],
    ['activation', { hidden_act: 'gelu' }, 'hidden_act is "gelu"', 'only "silu"'],
    ['scores', { scoring_func: 'softmax' }, 'scoring_func is "softmax"', 'only "sigmoid"'],
    ['choice', { topk_method: 'greedy' }, 'topk_method is "greedy"', 'only "noaux_tc"'],
    ['groups', { n_group: 3 }, 'n_group is 3', 'do not divide'],
    ['kept groups', { topk_group: 9 }, 'topk_group is 9', 'only 4 groups'],
    ['groups of one', { n_group: 8, topk_group: 8 }, 'n_group is 8', 'at least two'],
    ['too many experts', { num_experts_per_tok: 5 }, 'num_experts_per_tok is 5', 'only 4'],
    ['no groups', { n_group: null }, 'n_group is null', 'whole number'],
    ['key heads', { num_key_value_heads: 1 }, 'num_key_value_heads is 1', 'num_attention_heads'],
    ['two further tokens', { num_nextn_predict_layers: 2 }, 'num_nextn_predict_layers is 2', 'at most one'],
    ['layer kinds', { mlp_layer_types: ['dense'] }, 'mlp_layer_types is ["dense"]', 'list of 3'],
    ['two answers', { first_k_dense_replace: 2 }, 'mlp_layer_types', 'say otherwise'],
    [
      'rope type',
      { rope_parameters: { rope_type: 'dynamic', factor: 2 } },
      'rope_parameters.rope_type is "dynamic"',
      'yarn',
    ],
    ['rope setting', { rope_parameters: { rope_type: 'default', twist: 3 } }, 'rope_parameters.twist is 3', 'remove'],
    ['rope factor', { rope_parameters: { rope_type: 'linear' } }, 'rope_parameters.factor is missing', 'number'],
    ['part rotated', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor is 0.5', 'not supported'],
    ['soft cap', { final_logit_softcapping: 30 }, 'final_logit_softcapping is 30', 'not supported'],
    ['multiplier', { attention_multiplier: 0.1 }, 'attention_multiplier is 0.1', 'not supported'],
    ['sparse attention', { index_topk: 2048 }, 'index_topk is 2048', 'not supported'],
    ['a string as number', { hidden_size: '44' }, 'hidden_size is "44"', 'whole number'],
    ['a negative size', { vocab_size: -1 }, 'vocab_size is -1', 'at least 1'],
    ['an unknown type', { dtype: 'float8' }, 'dtype is "float8"', 'bfloat16'],
    ['eps', { rms_norm_eps: 'tiny' }, 'rms_norm_eps is "tiny"', 'number'],
    ['end token', { eos_token_id: 'x' }, 'eos_token_id is "x"', 'token id'],
  ])('%s', (_, change, field, remedy) => {
    const error = refusal({ ...json('k1-base'), ...change })
    expect(error.code).toBe('config')
    expect(error.message).toContain('x/config.json')
    expect(error.message).toContain(field)
    expect(error.message).toContain(remedy)
  })

  test.each([
    ['sliding window', { use_sliding_window: true, sliding_window: 128 }, 'sliding_window is 128'],
    ['layer types', { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types'],
    ['groups of heads', { num_key_value_heads: 3 }, 'num_key_value_heads is 3'],
    ['odd heads', { head_dim: 7 }, 'head_dim is 7'],
  ])('dense: %s', (_, change, field) => {
    const error = refusal({ ...json('qwen3'), ...change })
    expect(error.code).toBe('config')
    expect(error.message).toContain(field)
  })

  test('not an object, not JSON, not there', () => {
    expect(refusal([1]).code).toBe('format')
    const folder = mkdtempSync(join(tmpdir(), 'modu-config-'))
    try {
      expect(() => readConfig(folder)).toThrow(/config\.json does not exist/)
      writeFileSync(join(folder, 'config.json'), '{"model_type": "axk1",')
      expect(() => readConfig(folder)).toThrow(/config\.json is not valid JSON/)
    } finally {
      rmSync(folder, { recursive: true })
    }
    expect(() => readConfig('/nowhere/at/all')).toThrow(/\/nowhere\/at\/all does not exist/)
  })
})
