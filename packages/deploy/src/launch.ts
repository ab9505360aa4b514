import { type Engine, gib } from './memory.ts'
import { activationMargin, memoryShare, type Plan } from './plan.ts'

/** The repository of the weights, and what clients call the model. */
export const modelRepository = 'skt/A.X-K1'
export const servedName = 'A.X-K1'

/** The port of an engine's API, and the one at which the processes of its nodes meet. */
export const enginePort = 8000
export const meetingPort = 29501

/** The release whose own definitions all flags were checked against. */
export const engineVersions: Readonly<Record<Engine, string>> = { vllm: '0.33.0', sglang: '0.5.23' }

/** One argument of an engine and why it is there. */
export interface Argument {
  readonly text: string
  readonly why?: string
}

/** How an engine is started: `program`, then the arguments. */
export interface Launch {
  readonly program: readonly string[]
  readonly arguments: readonly Argument[]
}

/** Where this process stands among those of its group, in whatever form the platform fills in: `$SLURM_PROCID`, `0`, … */
export interface Place {
  readonly rank: string
  /** Address of the node with rank 0. */
  readonly head: string
}

/**
 * The command that serves A.X K1 from the folder `model`, for one of the plan's nodes. Nodes other than the first have
 * no API: SGLang's know that from their rank, vLLM's need `--headless` at the end.
 */
export function launch(plan: Plan, model: string, place: Place): Launch {
  const shape = plan.engine === 'vllm' ? vllmArguments(plan) : sglangArguments(plan, model)
  const group = plan.nodes > 1 ? groupArguments(plan, place) : []
  const program = plan.engine === 'vllm' ? ['vllm', 'serve', model] : ['python3', '-m', 'sglang.launch_server']
  return { program, arguments: [...shape, ...group] }
}

/** What both engines call the same. */
const sharedArguments = (plan: Plan): Argument[] => [
  { text: `--served-model-name=${servedName}`, why: 'what clients and the gateway call it' },
  { text: '--host=0.0.0.0' },
  { text: `--port=${enginePort}` },
  { text: '--dtype=bfloat16' },
  ...(plan.dtype === 'fp8'
    ? [{ text: '--quantization=fp8', why: 'the published bf16 weights become fp8 while loading' }]
    : []),
]

/** Defined in `vllm/engine/arg_utils.py` and `vllm/entrypoints/common/cli_args.py`. */
const vllmArguments = (plan: Plan): Argument[] => [
  ...sharedArguments(plan),
  { text: `--tensor-parallel-size=${plan.tensor}`, why: tensorReason(plan) },
  { text: `--pipeline-parallel-size=${plan.pipeline}`, why: pipelineReason(plan) },
  { text: '--enable-expert-parallel', why: expertReason(plan) },
  { text: `--max-model-len=${plan.context}`, why: 'the longest conversation, in tokens' },
  { text: `--max-num-seqs=${seats(plan)}`, why: seatsReason(plan) },
  { text: `--gpu-memory-utilization=${memoryShare}` },
  { text: '--enable-auto-tool-choice' },
  { text: '--tool-call-parser=hermes', why: '<tool_call>{"name": …, "arguments": …}</tool_call>' },
  { text: '--reasoning-parser=deepseek_v3', why: '<think> … </think>, if the request asks for it (enable_thinking)' },
]

/** Defined in `sglang/srt/server_args.py`. */
const sglangArguments = (plan: Plan, model: string): Argument[] => [
  { text: `--model-path=${model}` },
  ...sharedArguments(plan),
  { text: `--tp-size=${plan.tensor}`, why: tensorReason(plan) },
  { text: `--pp-size=${plan.pipeline}`, why: pipelineReason(plan) },
  { text: `--ep-size=${plan.tensor}`, why: expertReason(plan) },
  { text: `--context-length=${plan.context}`, why: 'the longest conversation, in tokens' },
  { text: `--max-running-requests=${seats(plan)}`, why: seatsReason(plan) },
  {
    text: `--mem-fraction-static=${staticShare(plan)}`,
    why: 'weights and cache; the rest is for activations and CUDA graphs',
  },
  { text: '--enable-metrics' },
  { text: '--tool-call-parser=hermes', why: '<tool_call>{"name": …, "arguments": …}</tool_call>' },
  { text: '--reasoning-parser=deepseek-v3', why: '<think> … </think>, if the request asks for it (thinking)' },
]

function groupArguments({ engine, nodes }: Plan, { rank, head }: Place): Argument[] {
  const members = [{ text: `--nnodes=${nodes}` }, { text: `--node-rank=${rank}` }]
  return engine === 'vllm'
    ? [...members, { text: `--master-addr=${head}` }, { text: `--master-port=${meetingPort}` }]
    : [...members, { text: `--dist-init-addr=${head}:${meetingPort}` }]
}

/** An ordinary conversation, in tokens: full ones are rare, and an engine that runs out of cache makes the youngest wait. */
const usualLength = 8192
const mostSeats = 256

/** Requests that the engine works on at the same time. */
export const seats = ({ cacheTokens, context, fullRequests }: Plan): number =>
  Math.max(fullRequests, Math.min(mostSeats, Math.floor(cacheTokens / Math.min(usualLength, context))))

/** SGLang's counterpart of `memoryShare`: of the whole memory, what is left without activations. */
const staticShare = ({ gpu }: Plan): number => Math.floor(100 * (memoryShare - activationMargin / gpu.memory)) / 100

const tensorReason = ({ tensor }: Plan): string =>
  `each layer is split over ${tensor} GPUs: ${64 / tensor} of 64 heads each`
const pipelineReason = ({ stages }: Plan): string =>
  stages.length === 1
    ? 'all layers on one group of GPUs'
    : `61 layers in stages of ${stages.map(stage => stage.layers).join(' + ')}`
const expertReason = ({ tensor }: Plan): string =>
  `whole experts: ${192 / tensor} of 192 on each GPU of a group, in every layer`
const seatsReason = ({ cacheTokens, fullRequests }: Plan): string =>
  `the cache holds ${cacheTokens.toLocaleString('en-US')} tokens: ${fullRequests} conversations of full length, or so many usual ones`

/** Weights in GiB that the largest stage puts on each of its GPUs. */
export const weightsPerGpu = ({ stages }: Plan): number => Math.max(...stages.map(stage => stage.weightBytes)) / gib
