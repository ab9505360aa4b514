import { DeployError } from './errors.ts'

/** A kind of GPU, as far as a plan needs to know it. */
export interface Gpu {
  readonly name: string
  /** What PyTorch reports as its whole memory, in GiB: less than the data sheet says. */
  readonly memory: number
  readonly vendor: 'nvidia' | 'amd'
  /** The label that NVIDIA's GPU feature discovery gives nodes that have it. */
  readonly product?: string
}

const gpus: Readonly<Record<string, Gpu>> = {
  h100: { name: 'H100', memory: 79.1, vendor: 'nvidia', product: 'NVIDIA-H100-80GB-HBM3' },
  h200: { name: 'H200', memory: 139.8, vendor: 'nvidia', product: 'NVIDIA-H200' },
  b200: { name: 'B200', memory: 178.3, vendor: 'nvidia', product: 'NVIDIA-B200' },
  mi300x: { name: 'MI300X', memory: 191.9, vendor: 'amd' },
}

/** The GPU that `--gpu` names: one that we know, or any of NVIDIA's as `NAME:GiB`. Error: DeployError `option`. */
export function gpuNamed(text: string): Gpu {
  const known = gpus[text.toLowerCase()]
  if (known) return known
  const [, name, memory] = /^([\w.-]+):(\d+(?:\.\d+)?)$/.exec(text) ?? []
  if (name !== undefined && Number(memory) > 0) return { name, memory: Number(memory), vendor: 'nvidia' }
  throw new DeployError(
    'option',
    `'${text}' is not a GPU; give ${Object.keys(gpus).join(', ')}, or its name and memory in GiB, such as L40S:44.4`,
  )
}
