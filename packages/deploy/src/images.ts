import { engineVersions } from './launch.ts'
import type { Plan } from './plan.ts'

/** Where the weights lie in every container and on every node. */
export const modelFolder = '/models/A.X-K1'

/**
 * The container image of the engine. vLLM's own has A.X K1. SGLang's has not: its authors' class is on the branch
 * `add-ax-k1-model` of github.com/fort726/sglang, so the image is one you build.
 */
export function engineImage({ engine, gpu }: Plan): string {
  const version = engineVersions[engine]
  if (engine === 'sglang') return `YOUR_REGISTRY/sglang-ax-k1:${version}`
  return `vllm/vllm-openai${gpu.vendor === 'amd' ? '-rocm' : ''}:v${version}`
}
