import { encodeChat, type LanguageModel, Random } from '@modu/model'
import type { Sample } from './events.ts'
import type { PreparedData } from './prepare.ts'
import type { Recipe, StageName } from './recipe.ts'

const temperature = 0.5

/** A token drawn from softmax(logits / temperature). */
function draw(logits: Float32Array, random: Random): number {
  const highest = logits.reduce((a, b) => Math.max(a, b))
  const weights = logits.map(logit => Math.exp((logit - highest) / temperature))
  let left = random.uniform() * weights.reduce((a, b) => a + b)
  for (let id = 0; id < weights.length; id++) {
    left -= weights[id]!
    if (left < 0) return id
  }
  return weights.length - 1
}

/** Continues `prompt` until the end token or `most` tokens. */
function continued(
  model: LanguageModel,
  prompt: readonly number[],
  end: number,
  most: number,
  random: Random,
): number[] {
  const cache = model.createCache(Math.min(model.config.maxPositions, prompt.length + most))
  const ids: number[] = []
  try {
    let next: ArrayLike<number> = prompt
    while (cache.length + next.length <= cache.capacity) {
      const id = draw(model.step(next, cache), random)
      if (id === end) break
      ids.push(id)
      next = [id]
    }
  } finally {
    cache.release()
  }
  return ids
}

/**
 * What the model makes of the recipe's fixed prompts: beginnings of texts while it pre-trains, questions while it learns
 * to chat. The same model gives the same samples.
 */
export function drawSamples(
  model: LanguageModel,
  { tokenizer, template }: PreparedData,
  stage: StageName,
  { texts, questions, maxTokens }: Recipe['samples'],
  seed: number,
): Omit<Sample, 'stage' | 'step'>[] {
  const random = new Random(seed)
  const end = tokenizer.eosId!
  if (stage === 'pretrain') {
    return texts.map(prompt => {
      const ids = [tokenizer.bosId!, ...tokenizer.encodePlain(prompt)]
      return { prompt, answer: prompt + tokenizer.decode(continued(model, ids, end, maxTokens, random)) }
    })
  }
  return questions.map(({ question, thinking }) => {
    const messages = [{ role: 'user', content: question }] as const
    const ids = encodeChat(tokenizer, template, messages, { addGenerationPrompt: true, enableThinking: thinking })
    const text = tokenizer.decode(continued(model, ids, end, maxTokens, random))
    if (!thinking) return { prompt: question, thinking, answer: text }
    const [reasoning, ...answer] = text.split('</think>')
    return { prompt: question, thinking, reasoning: reasoning!, answer: answer.join('') }
  })
}
