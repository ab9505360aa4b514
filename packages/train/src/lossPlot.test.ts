import { expect, test } from 'vitest'
import { lossPlot } from './lossPlot.ts'
import type { Metrics } from './metrics.ts'
import type { StageName } from './recipe.ts'

const step = (n: number, stage: StageName, loss: number): Metrics => ({
  kind: 'step',
  stage,
  step: n,
  loss,
  learningRate: 1e-3,
  gradientNorm: 1,
  tokens: 1,
  countedTokens: 1,
  tokensPerSecond: 1,
  worstExpertLoad: 1,
  meanExpertLoad: 1,
  seconds: n,
})

test('draws both stages and every source, well-formed and escaped', () => {
  const metrics: Metrics[] = [
    ...Array.from({ length: 900 }, (_, i) => step(i + 1, i < 600 ? 'pretrain' : 'finetune', 9 / (1 + i / 50))),
    { kind: 'validation', stage: 'pretrain', step: 300, bitsPerByte: { stories: 2.5, 'a<b': 3 } },
    { kind: 'validation', stage: 'finetune', step: 900, bitsPerByte: { stories: 1.5, 'a<b': 2 } },
  ]
  const svg = lossPlot('시험', metrics)
  expect(svg.match(/stroke-width="1.6"/g)).toHaveLength(4)
  expect(svg).toContain('a&#60;b 2<')
  expect(svg).toContain('stories 1.5')
  expect(svg.match(/class="border"/g)).toHaveLength(2)
  expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  // Every element that opens is closed.
  const open = [...svg.matchAll(/<(\w+)[^>]*?(\/?)>/g)].filter(m => m[2] === '').length
  expect(svg.match(/<\/\w+>/g)).toHaveLength(open)
})

test('rewards and right answers get a panel of their own', () => {
  const metrics: Metrics[] = [
    { kind: 'validation', stage: 'reinforce', step: 5, bitsPerByte: {}, accuracy: { thinking: 0.5, direct: 0.4 } },
    ...[6, 7].map((n): Metrics => ({ ...step(n, 'reinforce', 0.1), measures: { reward: n / 10 } }) as Metrics),
    { kind: 'validation', stage: 'reinforce', step: 7, bitsPerByte: {}, accuracy: { thinking: 0.75, direct: 0.4 } },
  ]
  const svg = lossPlot('x', [step(5, 'finetune', 2), ...metrics])
  expect(svg).toContain('thinking 0.75<')
  expect(svg).toContain('reward 0.7<')
  expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  expect(lossPlot('x', [step(5, 'finetune', 2)])).not.toContain('exercises')
})

test('one point, or none, is no trouble', () => {
  expect(lossPlot('x', [step(1, 'pretrain', 9)])).not.toMatch(/NaN|Infinity/)
  expect(lossPlot('x', [])).toMatch(/^<svg/)
})
