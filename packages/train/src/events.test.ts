import { expect, test } from 'vitest'
import { formatDuration, formatEvent } from './events.ts'

test('durations', () => {
  expect([5, 65.4, 3723].map(formatDuration)).toEqual(['0:05', '1:05', '1:02:03'])
})

test('how far cleaning is, in both languages', () => {
  const event = { kind: 'cleaning', bytes: 5e6, totalBytes: 1e8, bytesPerSecond: 2.5e6, secondsLeft: 38 } as const
  expect(formatEvent(event)).toBe('  5.0/100.0 MB · 초당 2.5 MB · 남은 시간 0:38')
  expect(formatEvent(event, 'en')).toBe('  5.0/100.0 MB · 2.5 MB/s · 0:38 left')
})

test('a step is one line, in both languages', () => {
  const metrics = {
    kind: 'step',
    stage: 'pretrain',
    step: 12,
    loss: 3.125,
    learningRate: 1e-3,
    gradientNorm: 1,
    tokens: 4096,
    countedTokens: 4000,
    tokensPerSecond: 1234.5,
    worstExpertLoad: 1.5,
    meanExpertLoad: 1.25,
    seconds: 10,
  } as const
  const event = { kind: 'step', metrics, totalSteps: 900, secondsLeft: 65 } as const
  expect(formatEvent(event)).toBe('12/900 손실 3.125 · 1,235 토큰/초 · 남은 시간 1:05 · 전문가 부하 1.25/1.50')
  expect(formatEvent(event, 'en')).toBe('12/900 loss 3.125 · 1,235 tok/s · 1:05 left · expert load 1.25/1.50')
  const rewarded = { ...event, metrics: { ...metrics, stage: 'reinforce', measures: { reward: 0.75 } } } as const
  expect(formatEvent(rewarded)).toMatch(/^12\/900 보상 0\.750 · /)
  expect(formatEvent(rewarded, 'en')).toMatch(/^12\/900 reward 0\.750 · /)
  const dead = { ...event, metrics: { ...metrics, deadExperts: 3 } }
  expect(formatEvent(dead)).toMatch(/전문가 부하 1\.25\/1\.50 · 쉬는 전문가 3$/)
  expect(formatEvent(dead, 'en')).toMatch(/expert load 1\.25\/1\.50 · 3 dead$/)
})

test('sources learnt by heart are named, in both languages', () => {
  const event = { kind: 'rising', rising: [{ source: 'texts', lowest: 1.3, step: 2400, now: 1.49 }] } as const
  expect(formatEvent(event)).toContain('texts 2400단계의 1.300에서 1.490')
  expect(formatEvent(event, 'en')).toContain('texts from 1.300 at step 2400 to 1.490')
})

test('what a validation measured, in both languages', () => {
  const metrics = { kind: 'validation', stage: 'finetune', step: 9, bitsPerByte: { texts: 1.5, chats: 2 } } as const
  expect(formatEvent({ kind: 'validation', metrics })).toBe('  검증 비트/바이트: texts 1.500, chats 2.000')
  const right = { ...metrics, stage: 'reinforce', bitsPerByte: {}, accuracy: { thinking: 0.5, direct: 0.25 } } as const
  expect(formatEvent({ kind: 'validation', metrics: right })).toBe('  검증 정답률: thinking 0.500, direct 0.250')
  expect(formatEvent({ kind: 'validation', metrics: right }, 'en')).toMatch(
    /^ {2}held out, share right: thinking 0.500/,
  )
})
