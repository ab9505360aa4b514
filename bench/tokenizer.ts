import { readdirSync, readFileSync } from 'node:fs'
import { Tokenizer as Library } from '@huggingface/tokenizers'
import { Tokenizer, trainTokenizer } from '@modu/model'
import { option } from './measure.ts'
import { type Result, result } from './report.ts'
import { wantsPeer } from './targets.ts'

/** Korean documents: the texts that the repository has, or those of `--text FILE` (jsonl with `text`). */
function documents(args: readonly string[]): string[] {
  const folder = new URL('../recipes/data/', import.meta.url)
  const chosen = option(args, 'text', '')
  const files = chosen
    ? [chosen]
    : readdirSync(folder)
        .filter(name => name.endsWith('.jsonl'))
        .map(name => new URL(name, folder))
  return files.flatMap(file => {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line !== '')
    return lines.map(line => textOf(JSON.parse(line)))
  })
}

function textOf(record: { text?: string; messages?: { content?: string }[] }): string {
  return record.text ?? (record.messages ?? []).map(({ content }) => content ?? '').join('\n')
}

/** Training a vocabulary of 4,096 entries and encoding with it. The limit is writing the text as UTF-8. */
export async function tokenizer(args: string[]): Promise<Result> {
  const texts = documents(args)
  const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6
  const start = performance.now()
  const json = await trainTokenizer(texts, { vocabularySize: 4096 })
  const training = megabytes / ((performance.now() - start) / 1000)

  // Encoders remember words: each pass begins with a new one, as a corpus is read only once.
  const ours = firstPass(
    () => new Tokenizer(json),
    (encoder, text) => encoder.encodePlain(text),
  )
  const peer = wantsPeer(args)
    ? firstPass(
        () => new Library(json as never, {}),
        (library, text) => library.encode(text, { add_special_tokens: false }),
      )
    : undefined
  const limit = firstPass(
    () => undefined,
    (_, text) => Buffer.from(text),
  )
  function firstPass<T>(create: () => T, encode: (encoder: T, text: string) => unknown): number {
    let best = Number.POSITIVE_INFINITY
    for (let pass = 0; pass < 5; pass++) {
      const encoder = create()
      const began = performance.now()
      for (const text of texts) encode(encoder, text)
      best = Math.min(best, performance.now() - began)
    }
    return megabytes / (best / 1000)
  }
  const encoder = new Tokenizer(json)
  const tokens = texts.reduce((sum, text) => sum + encoder.encodePlain(text).length, 0)
  console.log(`${((megabytes * 1e6) / tokens).toFixed(2)} bytes a token\n`)
  const cases = [
    { what: 'training, 4,096 entries', 'MB of text': megabytes, 'MB/s': training, 'library MB/s': null },
    { what: 'encoding, first pass', 'MB of text': megabytes, 'MB/s': ours, 'library MB/s': peer ?? null },
  ]
  const compared = peer === undefined ? {} : { peer, peerName: '@huggingface/tokenizers' }
  return result({ name: 'tokenizer', unit: 'MB/s encoded', ours, ...compared, limit, cases })
}
