import { type CpuOptions, createCpuDevice } from '@modu/engine'
import { ChatModel } from '@modu/model'
import type { ModelSource } from './protocol.ts'

interface Checkpoints {
  /** Folders in Hugging Face's layout, by the names clients ask for. */
  readonly folders: Readonly<Record<string, string>>
  readonly processor: CpuOptions
}

/** Models from their folders, on the processor, which has said a word before anybody asks: see `EngineThreadOptions`. */
export const checkpoints = (folders: Checkpoints['folders'], processor: CpuOptions = {}): ModelSource => ({
  module: import.meta.url,
  data: { folders, processor } satisfies Checkpoints,
})

/** For the thread. Errors: those of loading a model, each naming the file. */
export async function loadModels(data: unknown): Promise<ReadonlyMap<string, ChatModel>> {
  const { folders, processor } = data as Checkpoints
  const device = createCpuDevice(processor)
  const models = new Map(Object.entries(folders).map(([name, folder]) => [name, ChatModel.load(folder, device)]))
  for (const model of models.values()) await warmUp(model)
  return models
}

/** Has the model say a word to nobody, so that every kernel is ready and the first person need not wait for it. */
async function warmUp(model: ChatModel): Promise<void> {
  for await (const _ of model.complete('안녕하세요', { maxTokens: 2, seed: 0 })) {
    // Nobody listens.
  }
}
