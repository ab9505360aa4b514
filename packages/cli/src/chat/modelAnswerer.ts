import type { CpuOptions } from '@modu/engine'
import { loadChatModel, modelName } from '../models.ts'
import type { Answerer, Message, Piece } from './answerer.ts'

export interface AnswererOptions {
  readonly processor: CpuOptions
  readonly seed?: number
  readonly temperature?: number
  /** At most so many tokens of thinking. */
  readonly thinkingBudget?: number
}

/** The model in `folder`, ready to answer. Errors: those of loading the model. */
export async function loadAnswerer(folder: string, options: AnswererOptions): Promise<Answerer> {
  const model = await loadChatModel(folder, options.processor)
  return {
    name: modelName(folder),
    async *answer(messages: readonly Message[], { thinking, signal }): AsyncGenerator<Piece> {
      const events = model.chat(messages, {
        enableThinking: thinking,
        thinkingBudget: options.thinkingBudget,
        seed: options.seed,
        sampling: { temperature: options.temperature },
        signal,
      })
      try {
        for await (const event of events) {
          if (event.type === 'reasoning') yield { kind: 'thinking', text: event.text }
          else if (event.type === 'text') yield { kind: 'text', text: event.text }
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}
