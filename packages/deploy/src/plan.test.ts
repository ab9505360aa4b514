import { readConfig } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { DeployError } from './errors.ts'
import { gpuNamed } from './gpu.ts'
import { gib, layersOfStages, stagesOf } from './memory.ts'
import { k1Config, type PlanOptions } from './plan.ts'
import { testPlan } from './testPlan.ts'

const plan = (options: Partial<PlanOptions>) => testPlan('h100', options)

test('plans for the published configuration', () => {
  const {
    maxPositions: _,
    dtype: __,
    ...published
  } = readConfig(`${import.meta.dirname}/../../model/fixtures/configs/a.x-k1.json`)
  expect(k1Config).toMatchObject({ ...published, extra: {} })
})

/**
 * The authors run A.X K1 on 4 nodes of 8 H100 of 80 GB with tensor parallelism over all 32, 131,072 tokens of context
 * and at most 4 requests: README of github.com/SKT-AI/A.X-K1 (SGLang), vLLM's pull request 32407.
 */
test.each(['vllm', 'sglang'] as const)('finds what the published layout on 32 H100 holds: 4 requests (%s)', engine => {
  const published = plan({ engine, nodes: 4, tensor: 32 })
  expect(published).toMatchObject({ pipeline: 1, fullRequests: 4 })
  // All layers' latents on every GPU: 61 × (512 + 64) numbers of 2 bytes a token.
  expect(published.stages).toMatchObject([{ layers: 61, cacheBytes: 61 * 576 * 2 }])
  // A share of 1/32, and what every GPU has for itself.
  expect(published.stages[0]!.weightBytes).toBeGreaterThan((2 * 518_983_052_288) / 32)
  expect(published.stages[0]!.weightBytes / gib).toBeCloseTo(32, 0)
})

describe('stages', () => {
  test('hold every weight once, apart from copies', () => {
    const [all] = stagesOf(k1Config, { tensor: 1, pipeline: 1 }, 'bf16', 'vllm')
    // The correction biases (60 × 192) stay in float32.
    expect(all!.weightBytes).toBe(2 * 518_983_052_288 + 4 * 60 * 192)
    const parts = stagesOf(k1Config, { tensor: 1, pipeline: 4 }, 'bf16', 'vllm')
    expect(parts.reduce((sum, stage) => sum + stage.weightBytes, 0)).toBe(all!.weightBytes)
  })

  test('fp8 halves all but embedding, head, router and norms', () => {
    const [wide] = stagesOf(k1Config, { tensor: 1, pipeline: 1 }, 'bf16', 'vllm')
    const [narrow] = stagesOf(k1Config, { tensor: 1, pipeline: 1 }, 'fp8', 'vllm')
    const kept = 2 * 163_840 * 7168 + 60 * 192 * 7168
    expect(narrow!.weightBytes / (wide!.weightBytes / 2 + kept)).toBeCloseTo(1, 4)
  })

  test('take their layers as the engines share them out', () => {
    expect(layersOfStages(61, 4, 'vllm')).toEqual([15, 15, 16, 15])
    expect(layersOfStages(61, 4, 'sglang')).toEqual([15, 15, 15, 16])
    expect(layersOfStages(61, 5, 'vllm')).toEqual([12, 12, 12, 13, 12])
    expect(layersOfStages(60, 4, 'vllm')).toEqual([15, 15, 15, 15])
    expect(layersOfStages(14, 4, 'vllm')).toEqual([3, 4, 4, 3])
  })
})

describe('chooses', () => {
  test.each([
    ['h100', 'bf16', 3],
    ['h200', 'bf16', 2],
    ['b200', 'bf16', 2],
    ['mi300x', 'bf16', 1],
    ['h100', 'fp8', 2],
    ['h200', 'fp8', 1],
  ] as const)('for %s in %s %i nodes', (gpu, dtype, nodes) => {
    const chosen = plan({ gpu: gpuNamed(gpu), dtype })
    expect(chosen).toMatchObject({ nodes, tensor: 8, pipeline: nodes })
    expect(chosen.fullRequests).toBeGreaterThanOrEqual(4)
    if (nodes > 1) expect(() => plan({ gpu: gpuNamed(gpu), dtype, nodes: nodes - 1 })).toThrow(`(--nodes ${nodes})`)
  })

  test('groups that heads and experts divide into', () => {
    expect(plan({ gpusPerNode: 6 })).toMatchObject({ tensor: 2, nodes: 3, pipeline: 9 })
    expect(plan({ gpusPerNode: 4 })).toMatchObject({ tensor: 4 })
  })

  test('fewer nodes for shorter conversations', () => {
    expect(plan({ context: 32_768 })).toMatchObject({ nodes: 2, fullRequests: 5 })
  })
})

describe('refuses', () => {
  const refusal = (options: Partial<PlanOptions>): DeployError => {
    try {
      plan(options)
    } catch (error) {
      if (error instanceof DeployError) return error
    }
    throw new Error('it fits')
  }

  test('what does not fit, with the numbers and the smallest that does', () => {
    const { code, message } = refusal({ nodes: 1 })
    expect(code).toBe('memory')
    expect(message).toMatch('each may use 71.2 GiB, weights take 122.5')
    expect(message).toMatch('the smallest number that does is 3 (--nodes 3)')
  })

  test('what fits nowhere', () => {
    expect(refusal({ gpu: gpuNamed('TINY:4') }).message).toMatch('does not fit on any number of nodes')
    expect(refusal({ gpu: gpuNamed('TINY:4'), nodes: 2 }).message).toMatch('nor on any other number')
  })

  test.each([
    [{ tensor: 5 }, 'does not divide 64 heads and 192 experts'],
    [{ tensor: 16, nodes: 3 }, '24 GPUs do not make groups of 16'],
    [{ context: 200_000 }, 'reads 131072 tokens at most'],
    [{ gpusPerNode: 100 }, 'a node has 16 at most'],
  ] as const)('%o', (options, message) => {
    expect(refusal(options)).toMatchObject({ code: 'option', message: expect.stringContaining(message) })
  })

  test('GPUs that are not ones', () => {
    expect(gpuNamed('L40S:44.4')).toMatchObject({ name: 'L40S', memory: 44.4 })
    for (const text of ['tpu', 'L40S:', 'L40S:0', ':80']) expect(() => gpuNamed(text)).toThrow('is not a GPU')
  })
})
