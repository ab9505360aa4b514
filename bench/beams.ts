import { createCpuDevice, type Device } from '@modu/engine'
import { ChatModel, createModel, loadChatTemplate, narrowWeights, Tokenizer } from '@modu/model'
import { bestSecondsAsync, option } from './measure.ts'
import { nanoConfig, roundToBf16, shippedNano } from './nano.ts'
import { beamsPeer } from './peers/official.ts'
import { type Result, result } from './report.ts'
import { wantsPeer } from './targets.ts'

const beams = 6
/** Tokens of an answer. With random weights none of them ends it. */
const tokens = 64
const question = '옛날 옛날에 작은 마을에 살던 할머니와 고양이 이야기를 길게 들려줘.'

/**
 * An answer that six beams look for, the prompt included, as nano's are: tokens of the answer a second, with weights in
 * bfloat16, on 1 to `--threads` (2) threads. The limit is as many passes of the model for six sequences with nothing around
 * them. The peer does the same by `generate`, with the faster of its two precisions.
 */
export async function beamSearch(args: string[]): Promise<Result> {
  const most = Number(option(args, 'threads', '2'))
  const cases = []
  let promptTokens = 0
  for (let threads = 1; threads <= most; threads++) {
    const device = createCpuDevice({ threads })
    const chat = randomChat(device)
    const found = await bestAnswer(chat)
    promptTokens = found.promptTokens
    const limit = 1 / passSeconds(chat, promptTokens)
    const ours = tokens / found.seconds
    cases.push({ threads, ours, limit, limitShare: ours / limit })
    await device.close()
  }
  const work = { context: promptTokens, tokens, beams, threads: most }
  const peers = wantsPeer(args) ? await beamsPeer(work) : undefined
  const { ours, limit } = cases.at(-1)!
  const compared = peers ? { peer: Math.max(peers.float32, peers.bf16), peerName: 'transformers generate' } : {}
  if (peers) console.log(`transformers generate: ${JSON.stringify(peers)} tokens/s\n`)
  return result({ name: 'beams', unit: 'tokens/s', ours, limit, ...compared, cases })
}

/** Random weights with nano's tokenizer. */
function randomChat(device: Device): ChatModel {
  const model = createModel(nanoConfig, device, { seed: 1 })
  roundToBf16(model)
  narrowWeights(model)
  const tokenizer = Tokenizer.load(shippedNano)
  const template = loadChatTemplate(shippedNano, tokenizer.config)
  return new ChatModel('random', model, tokenizer, template, {
    num_beams: beams,
    do_sample: false,
  })
}

/** The best time of an answer, and how many tokens the prompt has. */
async function bestAnswer(chat: ChatModel): Promise<{ seconds: number; promptTokens: number }> {
  let promptTokens = 0
  const seconds = await bestSecondsAsync(
    async () => {
      for await (const event of chat.chat([{ role: 'user', content: question }], { maxTokens: tokens })) {
        if (event.type !== 'finish') continue
        const { usage } = event
        if (usage.completionTokens !== tokens)
          throw new Error(`an answer has ended after ${usage.completionTokens} tokens`)
        promptTokens = usage.promptTokens
      }
    },
    { seconds: 4 },
  )
  return { seconds, promptTokens }
}

/** A pass of so many sequences in the middle of the answer. */
function passSeconds({ model }: ChatModel, promptTokens: number): number {
  const length = promptTokens + tokens / 2
  const cache = model.createPages(2 * beams * (length + 32))
  const prompt = cache.createSequence()
  model.step(new Array<number>(length).fill(5), prompt)
  // Tokens that go to different experts, as those of different beginnings do.
  const row = Array.from({ length: beams }, (_, i) => (i * 1237 + 7) % nanoConfig.vocabSize)
  const passes = 10
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 100; i++) {
    const sequences = row.map(() => prompt.fork())
    const start = performance.now()
    for (let pass = 0; pass < passes; pass++) model.stepAll(row, sequences)
    best = Math.min(best, performance.now() - start)
    for (const sequence of sequences) sequence.release()
  }
  cache.release()
  return best / 1000 / passes
}
