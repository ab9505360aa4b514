import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as huggingFace from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { koreanPattern, trainTokenizer } from './bpeTrainer.ts'
import { bytesOfEntry, charOfByte, entryOfBytes } from './byteLevel.ts'
import { ChatTemplate, moduChatTemplate } from './chatTemplate.ts'
import { createPreTokenizer } from './preTokenizer.ts'
import { specialTokens } from './specialTokens.ts'
import { Tokenizer } from './tokenizer.ts'
import { saveTokenizerFiles, tokenizerConfig } from './tokenizerFiles.ts'

/** Short Korean texts of this project. */
const texts = readFileSync(new URL('../fixtures/tokenizer/korean.txt', import.meta.url), 'utf8').split('\n\n')
const trained = await trainTokenizer(texts, { vocabularySize: 1000 })
const tokenizer = new Tokenizer(trained)

/** Whether an entry is whole characters, or within a single one. */
function respectsCharacters(entry: string): boolean {
  const bytes = Buffer.from(bytesOfEntry(entry)!)
  return !bytes.toString().includes('\uFFFD') || [...bytes.subarray(1)].every(byte => byte >> 6 === 0b10)
}

/** Sennrich et al. 2016 as printed: count all pairs anew, merge the most frequent allowed one everywhere, repeat. */
function plainTrainer(words: readonly string[], merges: number, allowed = (_entry: string) => true): string[][] {
  const order = new Map([...specialTokens, ...charOfByte.toSorted()].map((entry, id) => [entry, id]))
  let sequences = words.map(word => [...entryOfBytes(Buffer.from(word))])
  return Array.from({ length: merges }, () => {
    const counts = new Map<string, number>()
    for (const entries of sequences)
      for (let i = 1; i < entries.length; i++) {
        const pair = `${entries[i - 1]} ${entries[i]}`
        counts.set(pair, (counts.get(pair) ?? 0) + 1)
      }
    const ids = (pair: string) => pair.split(' ').map(entry => order.get(entry)!)
    const candidates = [...counts].filter(([pair]) => allowed(pair.replace(' ', '')))
    const [best] = candidates.toSorted(
      ([a, countA], [b, countB]) => countB - countA || ids(a)[0] - ids(b)[0] || ids(a)[1] - ids(b)[1],
    )[0]
    const [left, right] = best.split(' ')
    if (!order.has(left + right)) order.set(left + right, order.size)
    sequences = sequences.map(entries => {
      const merged: string[] = []
      for (let i = 0; i < entries.length; i++)
        merged.push(entries[i] === left && entries[i + 1] === right ? entries[i] + entries[++i] : entries[i])
      return merged
    })
    return [left, right]
  })
}

test.each([
  ['what the algorithm as printed learns', false, () => true],
  ['the same without breaking characters', true, respectsCharacters],
])('learns %s', async (_, wholeCharacters, allowed) => {
  const some = texts.slice(0, 12)
  const { model, pre_tokenizer } = await trainTokenizer(some, { vocabularySize: 272 + 150, wholeCharacters })
  const words = some.flatMap(text => createPreTokenizer(pre_tokenizer)(text))
  expect(model.merges).toEqual(plainTrainer(words, model.merges.length, allowed))
  expect(Object.keys(model.vocab).slice(specialTokens.length).every(respectsCharacters)).toBe(wholeCharacters)
})

test('overlapping and repeated pairs are counted right', async () => {
  const some = ['aaaaaaa aaaa aaa', 'abababab babab', 'aabaab bbaa', '하하하하하하 하하하 하하']
  const { model } = await trainTokenizer(some, { vocabularySize: 272 + 14, pattern: '\\S+|\\s+' })
  expect(model.merges).toEqual(
    plainTrainer(
      some.flatMap(text => text.match(/\S+|\s+/g)!),
      model.merges.length,
    ),
  )
})

test('has exactly the size asked for, control tokens first, all bytes', () => {
  expect(Object.keys(trained.model.vocab).length).toBe(1000)
  expect(new Set(Object.values(trained.model.vocab))).toEqual(new Set(Array.from({ length: 1000 }, (_, id) => id)))
  expect(tokenizer.vocabularySize).toBe(1000)
  for (const [id, token] of specialTokens.entries()) expect(tokenizer.controlId(token)).toBe(id)
  for (const char of charOfByte) expect(trained.model.vocab[char]).toBeDefined()
})

test('any text survives', () => {
  const all = Array.from({ length: 0x2fff }, (_, i) => String.fromCodePoint(i))
    .join('')
    .normalize('NFC')
  for (const text of [...texts, all, '뷁👩‍👩‍👧‍👦🇰🇷\0', '   \n\n\t '])
    expect(tokenizer.decode(tokenizer.encodePlain(text))).toBe(text)
})

test('the same texts give the same file, also from an asynchronous source', async () => {
  async function* stream() {
    yield* texts
  }
  expect(JSON.stringify(await trainTokenizer(stream(), { vocabularySize: 1000 }))).toBe(JSON.stringify(trained))
})

const mixed = [
  '안녕하세요? ㅋㅋㅋ 2026년 11월 26일, AI가 a.b_c(d) 3.14원…',
  "It's <b>굵게</b>\r\n\r\n  - 목록",
  '한글 Ａ１ é',
]

test('the library of Hugging Face reads the file and agrees', () => {
  const library = new huggingFace.Tokenizer(trained, { clean_up_tokenization_spaces: false })
  for (const text of [...texts.slice(0, 20), ...mixed]) {
    expect(tokenizer.encode(text), text).toEqual(library.encode(text).ids)
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize('NFC'))
  }
})

test('a corpus full of control tokens teaches no way to spell them', async () => {
  const spelled = specialTokens.join(' ').repeat(50)
  const json = await trainTokenizer([...texts, spelled], { vocabularySize: 700, pattern: '\\S+|\\s+' })
  const ids = new Tokenizer(json).encodePlain(spelled)
  expect(Math.min(...ids)).toBeGreaterThanOrEqual(specialTokens.length)
})

describe('refuses', () => {
  test('a vocabulary too small for the bytes', async () => {
    await expect(trainTokenizer(texts, { vocabularySize: 200 })).rejects.toThrow('vocabularySize is 200')
  })

  test('texts too few for the size', async () => {
    await expect(trainTokenizer(['가나다'], { vocabularySize: 1000 })).rejects.toThrow(/only \d+ tokens, not 1000/)
  })
})

const python = process.env.MODU_PYTHON
describe.runIf(python)("Hugging Face's libraries for Python", { timeout: 300_000 }, () => {
  const ask = (script: string, question: unknown): unknown =>
    JSON.parse(
      execFileSync(python!, ['-c', `import json, sys\nquestion = json.load(sys.stdin)\n${script}`], {
        input: JSON.stringify(question),
        encoding: 'utf8',
        env: { ...process.env, PYTHONIOENCODING: 'utf-8', HF_HUB_OFFLINE: '1' },
        stdio: ['pipe', 'pipe', 'ignore'],
      }),
    )

  test('`tokenizers` and `transformers` give the same ids', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modu-tokenizer-'))
    try {
      const own = new Tokenizer(trained, tokenizerConfig(trained, 1024))
      saveTokenizerFiles(folder, own, new ChatTemplate(moduChatTemplate))
      const all = [...texts, ...mixed, `<|user|>${texts[0]}<|end|><|assistant|><think>`]
      const script = `
from tokenizers import Tokenizer
from transformers import AutoTokenizer
plain = Tokenizer.from_file(question["folder"] + "/tokenizer.json")
auto = AutoTokenizer.from_pretrained(question["folder"])
print(json.dumps([[plain.encode(text).ids, auto.encode(text)] for text in question["texts"]]))`
      const ids = all.map(text => own.encode(text))
      expect(ask(script, { folder, texts: all })).toEqual(ids.map(each => [each, each]))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('their trainer learns the same merges where characters may be broken', async () => {
    const json = await trainTokenizer(texts, { vocabularySize: 1000, wholeCharacters: false })
    const script = `
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(question["pattern"]), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
])
trainer = trainers.BpeTrainer(
    vocab_size=question["entries"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
)
tokenizer.train_from_iterator(question["texts"], trainer)
print(json.dumps(json.loads(tokenizer.to_str())["model"]["merges"]))`
    const entries = 1000 - specialTokens.length
    expect(ask(script, { pattern: koreanPattern, entries, texts })).toEqual(json.model.merges)
  })
})
