import type { Device, Tensor } from '@modu/engine'
import type { ModelConfig } from './config.ts'
import { Dense, denseWeights } from './dense.ts'
import { K1, k1Weights } from './k1.ts'
import type { LanguageModel } from './languageModel.ts'
import type { WeightSpec } from './weights.ts'

/** Every weight of a model with this configuration, in order of the computation. */
export const weightsOf = (config: ModelConfig): WeightSpec[] =>
  config.modelType === 'axk1' ? k1Weights(config) : denseWeights(config)

/** The model with this configuration and a tensor for every name of `weightsOf`. */
export const buildModel = (config: ModelConfig, device: Device, weights: ReadonlyMap<string, Tensor>): LanguageModel =>
  config.modelType === 'axk1' ? new K1(config, device, weights) : new Dense(config, device, weights)
