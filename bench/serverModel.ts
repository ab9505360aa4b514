import { createCpuDevice } from '@modu/engine'
import { ChatModel, loadModel, narrowWeights, Tokenizer } from '@modu/model'
import { shippedNano } from './nano.ts'

/** The model that bench/server.ts serves, made in the thread that runs it: the shipped nano, taking the likeliest token. */
export function servedModel(threads: number): ChatModel {
  const model = loadModel(shippedNano, createCpuDevice({ threads }))
  narrowWeights(model)
  return new ChatModel('nano', model, Tokenizer.load(shippedNano), undefined, { do_sample: false })
}

/** For the engine's thread. */
export const loadModels = async (threads: unknown) => new Map([['nano', servedModel(threads as number)]])
