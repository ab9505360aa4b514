import { type ChatModel, parseConfig } from '@modu/model'
import { expect, test } from 'vitest'
import type { Metrics } from './metrics.ts'
import { modelCard } from './modelCard.ts'
import { parseRecipe } from './recipe.ts'
import { testRecipe } from './testRecipe.ts'

test('a card of a model trained further, by exercises and reinforcement', () => {
  const { pretrain: _, tokenizer: __, model: ___, ...rest } = testRecipe
  const exercises = { format: 'exercises', kinds: ['arithmetic', 'comparison'], count: 12_000, license: 'Apache-2.0' }
  const recipe = parseRecipe({
    ...rest,
    sources: { ...testRecipe.sources, exercises },
    finetune: { ...testRecipe.finetune, mixture: { exercises: 1 } },
  })
  const validation = (step: number, thinking: number): Metrics => ({
    kind: 'validation',
    stage: 'reinforce',
    step,
    bitsPerByte: {},
    accuracy: { thinking, direct: 0.25 },
  })
  const card = modelCard({
    recipe,
    command: 'npx modu train my.json --from models/base',
    start: { folder: 'models/base' },
    metrics: [
      { kind: 'validation', stage: 'finetune', step: 2, bitsPerByte: { exercises: 0.5 } },
      validation(3, 0.5),
      validation(9, 0.875),
    ],
    plot: 'loss.svg',
    chat: { model: { config: parseConfig({ ...testRecipe.model, vocab_size: 340 }) }, contextLength: 128 } as ChatModel,
    answers: [],
  })
  expect(card).toContain('license: other')
  expect(card).toContain('`models/base`의 모델(A.X K1 구조)을')
  expect(card).toContain('```\nnpx modu train my.json --from models/base\n```')
  expect(card).toContain('| exercises | 만든 연습 문제 12,000개 (arithmetic, comparison) | Apache-2.0 |')
  expect(card).not.toContain('| texts |')
  expect(card).toContain('| 자료 | 대화 학습 뒤 |\n| --- | --- |\n| exercises | 0.500 |')
  expect(card).toContain('| 생각하고 | 50% | 88% |\n| 바로 | 25% | 25% |')
})
