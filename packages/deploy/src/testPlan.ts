import { gpuNamed } from './gpu.ts'
import { type Plan, type PlanOptions, planDeployment } from './plan.ts'

/** A plan for eight GPUs a node and conversations of full length, apart from `options`. */
export const testPlan = (gpu: string, options: Partial<PlanOptions> = {}): Plan =>
  planDeployment({
    engine: 'vllm',
    gpu: gpuNamed(gpu),
    gpusPerNode: 8,
    context: 131_072,
    dtype: 'bf16',
    requests: 4,
    ...options,
  })
