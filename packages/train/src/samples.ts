import { CachedSequence, checkSampling, encodeChat, generate, type LanguageModel, Random, Sampler } from '@modu/model'
import type { Sample } from './events.ts'
import type { PreparedData } from './prepare.ts'
import type { Recipe, StageName } from './recipe.ts'

const sampling = checkSampling({ temperature: 0.5, topP: 0.9 })

/**
 * What the model makes of the recipe's fixed prompts: beginnings of texts while it pre-trains, questions while it learns
 * to chat. The same model gives the same samples.
 */
export async function drawSamples(
  model: LanguageModel,
  { tokenizer, template }: PreparedData,
  stage: StageName,
  { texts, questions, maxTokens }: Recipe['samples'],
  seed: number,
): Promise<Omit<Sample, 'stage' | 'step'>[]> {
  const sampler = new Sampler(sampling, new Random(seed))
  const stopIds = new Set(tokenizer.specialIds)

  const continued = async (prompt: readonly number[]): Promise<string> => {
    const capacity = Math.min(model.config.maxPositions, prompt.length + maxTokens)
    const sequence = new CachedSequence(model, capacity)
    const ids: number[] = []
    try {
      const options = { sampler, maxTokens: capacity - prompt.length, stopIds }
      for await (const id of generate(model, sequence, prompt, options)) ids.push(id)
    } finally {
      sequence.cache.release()
    }
    return tokenizer.decode(ids)
  }

  const samples: Omit<Sample, 'stage' | 'step'>[] = []
  if (stage === 'pretrain') {
    for (const prompt of texts) {
      const ids = [tokenizer.bosId!, ...tokenizer.encodePlain(prompt)]
      samples.push({ prompt, answer: prompt + (await continued(ids)) })
    }
    return samples
  }
  for (const { question: prompt, thinking } of questions) {
    const options = { addGenerationPrompt: true, enableThinking: thinking }
    const text = await continued(encodeChat(tokenizer, template, [{ role: 'user', content: prompt }], options))
    const [reasoning, ...answer] = text.split('</think>')
    samples.push(
      thinking
        ? { prompt, thinking, reasoning: reasoning!, answer: answer.join('') }
        : { prompt, thinking, answer: text },
    )
  }
  return samples
}
