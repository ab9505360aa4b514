import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Tokenizer as Library } from '@huggingface/tokenizers'
import { records } from '@modu/data'
import { Tokenizer, trainTokenizer } from '@modu/model'
import { option } from './measure.ts'
import { pythonPeer } from './peers/python.ts'
import { type Result, result } from './report.ts'
import { wantsPeer } from './targets.ts'

/** One text in so many is held out. */
const heldOutEvery = 20

/** The texts of the files in a folder: `text`, or what is said in `messages`, or question and answer. */
async function documents(folder: string): Promise<string[]> {
  const texts: string[] = []
  for await (const { record } of records(folder)) {
    const { text, question, answer, messages } = (record ?? {}) as {
      text?: string
      question?: string
      answer?: string
      messages?: { content?: string }[]
    }
    const said =
      text ?? (question ? `${question}\n${answer}` : messages?.map(({ content }) => content ?? '').join('\n'))
    if (said) texts.push(said)
  }
  return texts
}

const megabytesOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6

/**
 * Training a vocabulary (`--entries`, 8,192) on the texts of a folder (`--data`, that in recipes/data), and encoding texts
 * held out with it. The limit is writing them as UTF-8.
 */
export async function tokenizer(args: string[]): Promise<Result> {
  const entries = Number(option(args, 'entries', '8192'))
  const all = await documents(option(args, 'data', fileURLToPath(new URL('../recipes/data/', import.meta.url))))
  const texts = all.filter((_, i) => i % heldOutEvery !== 0)
  const heldOut = all.filter((_, i) => i % heldOutEvery === 0)
  const [megabytes, heldOutMegabytes] = [megabytesOf(texts), megabytesOf(heldOut)]

  const memoryBefore = process.memoryUsage().rss
  let peakMemory = 0
  const sampling = setInterval(() => (peakMemory = Math.max(peakMemory, process.memoryUsage().rss)), 100)
  const start = performance.now()
  const json = await trainTokenizer(texts, { vocabularySize: entries })
  const training = megabytes / ((performance.now() - start) / 1000)
  clearInterval(sampling)

  // Encoders remember words: each pass begins with a new one, as a corpus is read only once.
  const encoding = firstPass(
    () => new Tokenizer(json),
    (encoder, text) => encoder.encodePlain(text),
  )
  const inJavaScript = wantsPeer(args)
    ? firstPass(
        () => new Library(json as never, {}),
        (library, text) => library.encode(text, { add_special_tokens: false }),
        1,
      )
    : undefined
  const limit = firstPass(
    () => undefined,
    (_, text) => Buffer.from(text),
  )
  function firstPass<T>(create: () => T, encode: (encoder: T, text: string) => unknown, passes = 5): number {
    let best = Number.POSITIVE_INFINITY
    for (let pass = 0; pass < passes; pass++) {
      const encoder = create()
      const began = performance.now()
      for (const text of heldOut) encode(encoder, text)
      best = Math.min(best, performance.now() - began)
    }
    return heldOutMegabytes / (best / 1000)
  }
  const encoder = new Tokenizer(json)
  const tokens = heldOut.reduce((sum, text) => sum + encoder.encodePlain(text).length, 0)
  const rust = wantsPeer(args) ? await rustPeer(texts, heldOut, entries) : undefined

  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2)
  console.log(
    `${megabytes.toFixed(1)} MB to train on, ${heldOutMegabytes.toFixed(1)} MB held out; texts in memory: ${gigabytes(memoryBefore)} GB, at most while training: ${gigabytes(peakMemory)} GB\n`,
  )
  const cases = [
    {
      what: `training, ${entries.toLocaleString('en')} entries, MB/s`,
      ours: training,
      'tokenizers (Rust)': rust ? megabytes / rust.trainSeconds : null,
      '@huggingface/tokenizers': null,
    },
    {
      what: 'encoding, first pass, MB/s',
      ours: encoding,
      'tokenizers (Rust)': rust ? heldOutMegabytes / rust.encodeSeconds : null,
      '@huggingface/tokenizers': inJavaScript ?? null,
    },
    {
      what: 'bytes a token, held out',
      ours: (heldOutMegabytes * 1e6) / tokens,
      'tokenizers (Rust)': rust ? (heldOutMegabytes * 1e6) / rust.tokens : null,
      '@huggingface/tokenizers': null,
    },
  ]
  const compared = rust ? { peer: heldOutMegabytes / rust.encodeSeconds, peerName: 'tokenizers, Rust' } : {}
  return result({ name: 'tokenizer', unit: 'MB/s encoded', ours: encoding, ...compared, limit, cases })
}

async function rustPeer(texts: readonly string[], heldOut: readonly string[], entries: number) {
  const folder = mkdtempSync(join(tmpdir(), 'modu-bench-'))
  try {
    const write = (name: string, lines: readonly string[]): string => {
      writeFileSync(join(folder, name), lines.map(line => `${JSON.stringify(line)}\n`).join(''))
      return join(folder, name)
    }
    const files = { texts: write('texts', texts), heldOut: write('held-out', heldOut) }
    const figures = await pythonPeer('tokenizer', { ...files, entries, threads: 2 })
    return figures as { trainSeconds: number; encodeSeconds: number; tokens: number } | undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}
