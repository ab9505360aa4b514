import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCpuDevice } from '@modu/engine'
import { ChatModel, type KvCache, type LanguageModel, Tokenizer } from '@modu/model'
import { writeTinyModel } from '@modu/model/testing'

/* Models for the tests: a tiny one with random weights, and the same one made to say something. */

let tiny: Promise<ChatModel> | undefined

/** Real, and talks noise. Its context holds 2048 tokens. */
export const randomModel = (): Promise<ChatModel> => (tiny ??= loadTiny())

async function loadTiny(): Promise<ChatModel> {
  const folder = mkdtempSync(join(tmpdir(), 'modu-serve-'))
  try {
    await writeTinyModel(folder)
    return ChatModel.load(folder, createCpuDevice({ threads: 1 }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The cache that each step of the model worked on, in order: who had which turn. */
export interface StepLog {
  readonly steps: KvCache[]
}

/** Computes as the real one does, and then says `text` whatever came out; control tokens in it count as such. */
export async function scriptedModel(text: string, log?: StepLog): Promise<ChatModel> {
  const real = await randomModel()
  const script = [...real.tokenizer.encode(text), real.tokenizer.eosId!]
  const said = new Map<KvCache, number>()
  return withStep(real, (tokens, cache) => {
    log?.steps.push(cache)
    const logits = real.model.step(tokens, cache)
    const before = said.get(cache) ?? 0
    // One token, the one said last: the answer goes on. Anything else is a prompt, after which it begins.
    const next = tokens.length === 1 && before > 0 && tokens[0] === script[before - 1] ? before : 0
    said.set(cache, next + 1)
    logits[script[next]] = 1000
    return logits
  })
}

export const greeting = '안녕하세요! 반갑습니다.'

/** What the tests of clients talk to: noise, a greeting, one that thinks first; and models that say what is given. */
export async function talkingModels(says: Readonly<Record<string, string>>): Promise<Record<string, ChatModel>> {
  const models: Record<string, ChatModel> = {
    random: await randomModel(),
    polite: await scriptedModel(greeting),
    thinker: await scriptedModel('인사를 하자.</think>안녕하세요!'),
  }
  for (const [name, text] of Object.entries(says)) models[name] = await scriptedModel(text)
  return models
}

/** Answers noise; `encoded` gets the ids of every text that is encoded for it. */
export async function recordedModel(encoded: number[][]): Promise<ChatModel> {
  const { name, model, tokenizer, template, generationConfig } = await randomModel()
  class RecordingTokenizer extends Tokenizer {
    override encode(...args: Parameters<Tokenizer['encode']>): number[] {
      const ids = super.encode(...args)
      encoded.push(ids)
      return ids
    }
    override encodePlain(text: string): number[] {
      const ids = super.encodePlain(text)
      encoded.push(ids)
      return ids
    }
  }
  return new ChatModel(
    name,
    model,
    new RecordingTokenizer(tokenizer.json, tokenizer.config),
    template,
    generationConfig,
  )
}

/** Breaks after so many steps with the same cache. */
export async function failingModel(steps: number): Promise<ChatModel> {
  const real = await randomModel()
  const done = new Map<KvCache, number>()
  return withStep(real, (tokens, cache) => {
    done.set(cache, (done.get(cache) ?? 0) + 1)
    if (done.get(cache)! > steps) throw new Error('the model broke')
    const logits = real.model.step(tokens, cache)
    // Nor does it stop by itself.
    for (const id of real.tokenizer.controlTokens.values()) logits[id] = -1000
    return logits
  })
}

function withStep(real: ChatModel, step: LanguageModel['step']): ChatModel {
  const { model, tokenizer, template, generationConfig, name } = real
  const scripted: LanguageModel = {
    config: model.config,
    device: model.device,
    parameters: model.parameters,
    buffers: model.buffers,
    head: model.head,
    hidden: (...args) => model.hidden(...args),
    logits: hidden => model.logits(hidden),
    loss: (...args) => model.loss(...args),
    createCache: capacity => model.createCache(capacity),
    step,
    stepHidden: (tokens, cache) => model.stepHidden(tokens, cache),
    createCaches: (...args) => model.createCaches(...args),
    cachedBytes: model.cachedBytes,
    createPages: tokens => model.createPages(tokens),
    // One sequence after the other, so that `step` sees them all; the logits behind its last token are in all of its rows.
    stepAll(tokens, caches) {
      if ('sequences' in caches) return model.stepAll(tokens, caches)
      const stepped = new Map<KvCache, Float32Array>()
      for (const cache of caches) {
        const own = caches.flatMap((other, s) => (other === cache ? [tokens[s]!] : []))
        if (!stepped.has(cache)) stepped.set(cache, step(own, cache).slice())
      }
      return Float32Array.from(caches.flatMap(cache => [...stepped.get(cache)!]))
    },
  }
  return new ChatModel(name, scripted, tokenizer, template, generationConfig)
}
