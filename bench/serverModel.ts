import { join } from 'node:path'
import { createCpuDevice } from '@modu/engine'
import { ChatModel, createModel, narrowWeights, Tokenizer } from '@modu/model'
import { nanoConfig } from './nano.ts'

/** The model that bench/server.ts serves, made in the thread that runs it. */
export function servedModel(threads: number): ChatModel {
  const model = createModel(nanoConfig, createCpuDevice({ threads }), { seed: 1 })
  narrowWeights(model)
  const tokenizer = Tokenizer.load(join(import.meta.dirname, '../models/nano'))
  return new ChatModel('nano', model, tokenizer, undefined, { do_sample: false })
}

/** For the engine's thread. */
export const loadModels = async (threads: unknown) => new Map([['nano', servedModel(threads as number)]])
