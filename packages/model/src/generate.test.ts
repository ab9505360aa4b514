import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createReferenceDevice } from '@modu/engine'
import { describe, expect, test } from 'vitest'
import { CachedSequence, type GenerateOptions, generate } from './generate.ts'
import { loadModel } from './loadModel.ts'
import { Random } from './random.ts'
import { readSafetensors } from './safetensors.ts'
import { checkSampling, Sampler } from './sampling.ts'

const folder = join(import.meta.dirname, '../fixtures/k1-base')
const model = loadModel(folder, createReferenceDevice())
const golden = readSafetensors(join(folder, 'forward.safetensors'))
const prompt = Array.from(golden.get('greedy.prompt')!.data, Number)
const continuation = Array.from(golden.get('greedy.tokens')!.data, Number)
const context: number = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).max_position_embeddings

const greedy = () => new Sampler(checkSampling({ temperature: 0 }), new Random(1))

async function all(
  options: Partial<GenerateOptions>,
  from = prompt,
  sequence = new CachedSequence(model, context),
): Promise<{ tokens: number[]; end: string }> {
  const tokens: number[] = []
  const generator = generate(model, sequence, from, { sampler: greedy(), ...options })
  for (;;) {
    const { done, value } = await generator.next()
    if (done) return { tokens, end: value as string }
    tokens.push(value as number)
  }
}

test('greedy generation is the official continuation', async () => {
  expect(await all({ maxTokens: 24 })).toEqual({ tokens: continuation, end: 'length' })
})

test('a stop token ends the answer and is not part of it', async () => {
  const at = continuation.findIndex((token, i) => i > 2 && continuation.indexOf(token) === i)
  const { tokens, end } = await all({ maxTokens: 24, stopIds: new Set([continuation[at]]) })
  expect(tokens).toEqual(continuation.slice(0, at))
  expect(end).toBe('stop')
})

test('without a limit the context is filled to its end', async () => {
  const long = Array.from({ length: context - 3 }, (_, i) => prompt[i % prompt.length])
  const { tokens, end } = await all({}, long)
  expect(tokens.length).toBe(3)
  expect(end).toBe('length')
})

test('a sequence is continued where prompts agree', async () => {
  const sequence = new CachedSequence(model, context)
  await all({ maxTokens: 10 }, prompt, sequence)
  const next = [...prompt, ...continuation.slice(0, 4), 5, 6]
  const fed: number[] = []
  const counting = Object.create(model, {
    step: {
      value: (tokens: number[], cache: never) => {
        fed.push(tokens.length)
        return model.step(tokens, cache)
      },
    },
  })
  const generator = generate(counting, sequence, next, { sampler: greedy(), maxTokens: 1 })
  const token = (await generator.next()).value
  expect(fed).toEqual([2])
  expect((await all({ maxTokens: 1 }, next)).tokens).toEqual([token])
  expect((await all({ maxTokens: 24 }, prompt, sequence)).tokens).toEqual(continuation)
})

test('generators on one model interleave without disturbing each other', async () => {
  const prompts = [prompt, [...prompt].reverse(), prompt.slice(0, 1)]
  const alone = []
  for (const from of prompts) alone.push(await all({ maxTokens: 12 }, from))
  expect(await Promise.all(prompts.map(from => all({ maxTokens: 12 }, from)))).toEqual(alone)
})

test('a signal stops it before the next step', async () => {
  const controller = new AbortController()
  const generator = generate(model, new CachedSequence(model, context), prompt, {
    sampler: greedy(),
    signal: controller.signal,
  })
  await generator.next()
  controller.abort(new Error('gone'))
  await expect(generator.next()).rejects.toThrow('gone')
})

describe('refuses, with both numbers', () => {
  test.each([
    [
      'a prompt as long as the context',
      {},
      context,
      `the prompt has ${context} tokens, but the model's context is ${context}`,
    ],
    [
      'max_tokens beyond the context',
      { maxTokens: context },
      10,
      `max_tokens is ${context}, but after a prompt of 10 tokens`,
    ],
    ['an empty prompt', {}, 0, 'the prompt is empty'],
    ['max_tokens of 0', { maxTokens: 0 }, 10, 'max_tokens is 0; it must be an integer of 1 or more'],
  ])('%s', async (_, options, length, message) => {
    await expect(all(options, new Array(length).fill(1), undefined)).rejects.toThrow(message)
  })
})
