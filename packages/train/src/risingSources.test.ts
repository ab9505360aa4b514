import { expect, test } from 'vitest'
import type { ValidationMetrics } from './metrics.ts'
import { risingSources } from './risingSources.ts'

const validation = (step: number, bitsPerByte: Record<string, number>): ValidationMetrics => ({
  kind: 'validation',
  stage: 'pretrain',
  step,
  bitsPerByte,
})

test('names sources that have risen above their lowest, and since when', () => {
  const course = [
    validation(10, { small: 1.5, large: 1.6 }),
    validation(20, { small: 1.3, large: 1.5 }),
    validation(30, { small: 1.33, large: 1.4, late: 2 }),
    validation(40, { small: 1.49, large: 1.41, late: 2 }),
  ]
  expect(risingSources(course)).toEqual([{ source: 'small', lowest: 1.3, step: 20, now: 1.49 }])
  expect(risingSources(course.slice(0, 3))).toEqual([])
  expect(risingSources([])).toEqual([])
})
