import { ModelError } from '@modu/model'
import { randomModel, scriptedModel } from '../testModels.ts'
import type { LocalModel } from './localEngine.ts'
import type { ModelSource } from './protocol.ts'

/* Models that the tests have made in the engine's thread. */

/** What a test shares with them: numbers by these indices. */
export const shared = { starts: 0, mostStarts: 1, isBusy: 2, mayGoOn: 3 } as const

export function testSource(): { source: ModelSource; words: Int32Array } {
  const words = new Int32Array(new SharedArrayBuffer(4 * Object.keys(shared).length))
  words[shared.mostStarts] = 10
  return { source: { module: import.meta.url, data: words }, words }
}

/** `random` talks noise, `long` the same for long, `busy` keeps the thread until it may go on, `fatal` ends it. */
export async function loadModels(data: unknown): Promise<ReadonlyMap<string, LocalModel>> {
  const words = data as Int32Array
  if (Atomics.add(words, shared.starts, 1) === words[shared.mostStarts])
    throw new ModelError('missing', 'the model is gone')
  const random = await randomModel()
  const completing = (step: () => void): LocalModel => ({
    contextLength: random.contextLength,
    tokenizer: random.tokenizer,
    template: undefined,
    chat: random.chat.bind(random),
    embed: random.embed.bind(random),
    promptLogprobs: random.promptLogprobs.bind(random),
    async *complete(_, { turn }) {
      await turn!()
      step()
      yield { type: 'text', text: 'done' }
    },
  })
  return new Map<string, LocalModel>([
    ['random', random],
    ['long', await scriptedModel('가나다라마바사아자차카타파하 '.repeat(200))],
    [
      'busy',
      completing(() => {
        Atomics.store(words, shared.isBusy, 1)
        Atomics.notify(words, shared.isBusy)
        Atomics.wait(words, shared.mayGoOn, 0)
      }),
    ],
    ['fatal', completing(() => process.exit(7))],
  ])
}
