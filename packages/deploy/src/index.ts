export { deploymentFiles, type Platform, platforms } from './deployment.ts'
export { DeployError } from './errors.ts'
export { type Gpu, gpuNamed } from './gpu.ts'
export { launch, seats, weightsPerGpu } from './launch.ts'
export { type DType, dtypes, type Engine, engines, gib } from './memory.ts'
export {
  activationMargin,
  k1Config,
  longestContext,
  memoryShare,
  type Plan,
  type PlanOptions,
  planDeployment,
} from './plan.ts'
