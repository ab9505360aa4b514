import { type Device, releaseNarrow } from '@modu/engine'
import { Checkpoint, loadWeights } from './checkpoint.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { ModelError } from './errors.ts'
import { buildModel, weightsOf } from './families.ts'
import type { LanguageModel } from './languageModel.ts'
import { Random } from './random.ts'
import { randomWeights } from './weights.ts'

export interface LoadOptions {
  /** The folder with the weights, if they are not beside the configuration. */
  readonly weights?: string
}

/**
 * Loads a Hugging Face checkpoint folder onto a device. A multi-token-prediction module that the configuration names
 * but the files do not hold (as in the published A.X K1) is left out. Errors, each naming the thing: `missing` (folder,
 * shard, tensor), `format` (damaged file), `shape`, `config`.
 */
export function loadModel(folder: string, device: Device, options: LoadOptions = {}): LanguageModel {
  const checkpoint = new Checkpoint(options.weights ?? folder, options.weights ? readConfig(folder) : undefined)
  try {
    const config = withoutAbsentMtp(checkpoint)
    if (config.extra.quantization_config != null)
      throw new ModelError(
        'config',
        `${folder}: quantization_config is set: quantized checkpoints are not supported; use one with bf16, f16 or f32 weights`,
      )
    return buildModel(config, device, loadWeights(checkpoint, weightsOf(config), device))
  } finally {
    checkpoint.close()
  }
}

function withoutAbsentMtp({ config, names }: Checkpoint): ModelConfig {
  if (config.modelType !== 'axk1' || config.numNextnPredictLayers === 0) return config
  const prefix = `model.layers.${config.numHiddenLayers}.`
  for (const name of names) if (name.startsWith(prefix)) return config
  return { ...config, numNextnPredictLayers: 0 }
}

/** A model with random weights, as training from scratch starts. The same seed gives the same weights. */
export function createModel(config: ModelConfig, device: Device, options: { seed: number }): LanguageModel {
  const weights = randomWeights(weightsOf(config), device, new Random(options.seed), config.initializerRange)
  return buildModel(config, device, weights)
}

/** Another model with a copy of the weights as they are now. */
export function copyModel({ config, device, parameters, buffers }: LanguageModel): LanguageModel {
  const copies = [...parameters, ...buffers].map(([name, tensor]) => {
    const copy = device.persistent(tensor.shape)
    copy.reals.set(tensor.reals)
    return [name, copy] as const
  })
  return buildModel(config, device, new Map(copies))
}

/** Gives the memory of a model's weights, their twins and gradients back; the model cannot be used afterwards. */
export function releaseModel(model: LanguageModel): void {
  for (const tensor of [...model.parameters.values(), ...model.buffers.values()]) {
    if (tensor.grad) model.device.release(tensor.grad)
    releaseNarrow(tensor)
    model.device.release(tensor)
  }
}
