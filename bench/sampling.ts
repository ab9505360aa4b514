import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCpuDevice, LogitBlocks } from '@modu/engine'
import { checkSampling, loadModel, logitBlock, Random, Sampler, Tokenizer } from '@modu/model'
import { readGigabytes } from './limits.ts'
import { bestSeconds } from './measure.ts'
import { shippedNano } from './nano.ts'
import { pythonPeer } from './peers/python.ts'
import { type Result, result } from './report.ts'
import { wantsPeer } from './targets.ts'

/** The settings, the first of which are those of nano's generation_config.json. */
const settings = [
  { temperature: 0.3, topP: 0.9 },
  { temperature: 0 },
  { temperature: 0.7, topK: 40 },
  { temperature: 1, topP: 0.95 },
  { temperature: 1 },
]

const text = '옛날 옛날에 작은 마을에 할머니가 살았어요. 할머니는 아침마다 마당을 쓸고 고양이에게 밥을 주었어요.'

/**
 * Drawing a token from the logits that nano gives behind each token of a text. The limit is reading the logits once; the
 * peer is what `generate` of transformers does: processors of logits, softmax and multinomial of PyTorch, a row at a time.
 */
export async function sampling(args: string[]): Promise<Result> {
  const device = createCpuDevice({ threads: 1 })
  const model = loadModel(shippedNano, device)
  const { vocabSize } = model.config
  const cache = model.createCache(64)
  const rows = Tokenizer.load(shippedNano)
    .encodePlain(text)
    .map(token => model.step([token], cache).slice())
  const peers = wantsPeer(args) ? await peerSeconds(rows) : undefined
  const blocks = new LogitBlocks(device, vocabSize, logitBlock)
  const limit = (readGigabytes(device, 4 * vocabSize * rows.length) * 1e9) / (4 * vocabSize)
  const cases = settings.map((options, i) => {
    const sampler = new Sampler(checkSampling(options), new Random(1), [], blocks)
    const ours =
      rows.length /
      bestSeconds(() => {
        for (const logits of rows) sampler.next(logits)
      })
    const peer = peers ? 1 / peers[i]! : null
    const ratio = peer === null ? null : ours / peer
    return { settings: JSON.stringify(options), 'µs a token': 1e6 / ours, ours, peer, ratio, limitShare: ours / limit }
  })
  await device.close()
  const { ours, peer } = cases[0]!
  const compared = peer === null ? {} : { peer, peerName: 'transformers and PyTorch' }
  return result({ name: 'sampling', unit: 'tokens/s', ours, limit, ...compared, cases })
}

/** Of a token in each of the settings. */
async function peerSeconds(rows: readonly Float32Array[]): Promise<number[] | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'modu-bench-sampling-'))
  try {
    const file = join(folder, 'logits.f32')
    writeFileSync(file, Buffer.concat(rows.map(row => new Uint8Array(row.buffer, row.byteOffset, row.byteLength))))
    const answer = await pythonPeer('sampling', { file, rows: rows.length, settings, seconds: 1 })
    return answer?.seconds as number[] | undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}
