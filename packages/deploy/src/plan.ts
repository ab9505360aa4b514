import { type K1Config, parseConfig } from '@modu/model'
import { DeployError } from './errors.ts'
import type { Gpu } from './gpu.ts'
import { type DType, type Engine, gib, type Split, type Stage, stagesOf } from './memory.ts'

/** A.X K1 as published: the defaults of its configuration. */
export const k1Config = parseConfig({ model_type: 'axk1' }) as K1Config

/** The longest context that A.X K1 is published for, in tokens. */
export const longestContext = 131_072

/** The share of a GPU's memory that the engine may take. The rest is for the driver and for fragmentation. */
export const memoryShare = 0.9

/** Of that share, in GiB: buffers of NCCL, CUDA graphs, the absorbed copy of `kv_b_proj`, activations of 8,192 tokens. */
export const activationMargin = 4

export interface PlanOptions {
  readonly engine: Engine
  readonly gpu: Gpu
  readonly gpusPerNode: number
  /** Tokens of the longest conversation. */
  readonly context: number
  readonly dtype: DType
  /** Conversations of full length that must fit at the same time. */
  readonly requests: number
  /** Left out: as few as will do. */
  readonly nodes?: number
  /** GPUs that each layer is split over. Left out: as many as a node has, as far as heads and experts divide. */
  readonly tensor?: number
}

/** Where everything goes, and what fits beside it. */
export interface Plan extends PlanOptions, Split {
  readonly nodes: number
  readonly tensor: number
  readonly stages: readonly Stage[]
  /** What the engine may use of a GPU, in bytes. */
  readonly usableBytes: number
  /** Tokens that the cache holds, all conversations together; negative if not even the weights fit. */
  readonly cacheTokens: number
  /** Conversations of full length that fit at the same time. */
  readonly fullRequests: number
}

const mostNodes = 64

/** The plan for A.X K1 on this hardware. Errors: DeployError `option`, or `memory`, which names the smallest that will do. */
export function planDeployment(options: PlanOptions): Plan {
  checkOptions(options)
  const { nodes } = options
  if (nodes === undefined) {
    const smallest = smallestPlan(options)
    if (smallest) return smallest
    throw new DeployError('memory', `${wish(options)} does not fit on any number of nodes with ${hardware(options)}`)
  }
  const plan = planOn(options, nodes)
  if (!plan) throw new DeployError('option', `${splitProblem(options, nodes)}; leave out --tensor, or change --nodes`)
  if (fits(plan)) return plan
  const smallest = smallestPlan(options)
  const remedy = smallest
    ? `the smallest number that does is ${smallest.nodes} (--nodes ${smallest.nodes})`
    : 'nor on any other number; take GPUs with more memory, --dtype fp8, or a shorter --context'
  throw new DeployError(
    'memory',
    `${wish(options)} does not fit on ${nodes} × ${hardware(options)}: ${shortage(plan)}; ${remedy}`,
  )
}

const fits = ({ fullRequests, requests }: Plan): boolean => fullRequests >= requests

function smallestPlan(options: PlanOptions): Plan | undefined {
  for (let nodes = 1; nodes <= mostNodes; nodes++) {
    const plan = planOn(options, nodes)
    if (plan && fits(plan)) return plan
  }
  return undefined
}

function checkOptions({ context, gpusPerNode, tensor }: PlanOptions): void {
  if (context > longestContext)
    throw new DeployError('option', `A.X K1 reads ${longestContext} tokens at most; --context ${context} is more`)
  if (gpusPerNode > 16) throw new DeployError('option', `--gpus-per-node ${gpusPerNode}: a node has 16 at most`)
  if (tensor !== undefined && !divides(tensor))
    throw new DeployError(
      'option',
      `--tensor ${tensor} does not divide ${k1Config.numAttentionHeads} heads and ${k1Config.nRoutedExperts} experts; take a power of two up to 64`,
    )
}

const divides = (tensor: number): boolean =>
  k1Config.numAttentionHeads % tensor === 0 && k1Config.nRoutedExperts % tensor === 0

/** The plan on so many nodes, whether it fits or not; undefined if the GPUs do not divide that way. */
function planOn(options: PlanOptions, nodes: number): Plan | undefined {
  const { engine, gpu, gpusPerNode, context, dtype } = options
  const tensor = options.tensor ?? widestInNode(gpusPerNode)
  const pipeline = (nodes * gpusPerNode) / tensor
  // A group of GPUs that share layers lies within a node, or takes whole nodes.
  const isWhole = gpusPerNode % tensor === 0 || tensor % gpusPerNode === 0
  if (!isWhole || !Number.isInteger(pipeline) || pipeline > k1Config.numHiddenLayers) return undefined

  const stages = stagesOf(k1Config, { tensor, pipeline }, dtype, engine)
  const usableBytes = Math.floor(memoryShare * gpu.memory * gib)
  const forCache = (stage: Stage) => usableBytes - activationMargin * gib - stage.weightBytes
  const cacheTokens = Math.min(...stages.map(stage => Math.floor(forCache(stage) / stage.cacheBytes)))
  const fullRequests = Math.max(0, Math.floor(cacheTokens / context))
  return { ...options, nodes, tensor, pipeline, stages, usableBytes, cacheTokens, fullRequests }
}

/** Layers are split within a node, where GPUs are connected best, and passed on between nodes. */
function widestInNode(gpusPerNode: number): number {
  let tensor = gpusPerNode
  while (gpusPerNode % tensor !== 0 || !divides(tensor)) tensor--
  return tensor
}

/* ------------------------------------------------------------------------------------------------------- wording */

const hardware = ({ gpusPerNode, gpu }: PlanOptions): string => `${gpusPerNode} ${gpu.name} of ${gpu.memory} GiB`

const wish = ({ dtype, requests, context }: PlanOptions): string =>
  `A.X K1 in ${dtype} with ${requests} conversations of ${context} tokens`

function splitProblem({ gpusPerNode, tensor }: PlanOptions, nodes: number): string {
  const gpus = nodes * gpusPerNode
  return `${gpus} GPUs do not make groups of ${tensor ?? widestInNode(gpusPerNode)}, at most ${k1Config.numHiddenLayers} of them, each within a node or on whole nodes`
}

function shortage({ stages, usableBytes, fullRequests }: Plan): string {
  const weights = Math.max(...stages.map(stage => stage.weightBytes))
  const left = usableBytes - activationMargin * gib - weights
  const numbers = `each may use ${(usableBytes / gib).toFixed(1)} GiB, weights take ${(weights / gib).toFixed(1)}`
  return left < 0 ? `${numbers}, activations ${activationMargin}` : `${numbers}, and the rest holds ${fullRequests}`
}
