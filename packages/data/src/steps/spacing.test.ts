import { expect, test } from 'vitest'
import { spacingStep } from './spacing.ts'

test('spaces and repeats are squeezed', () => {
  expect(spacingStep(' 정말   좋아요ㅋㅋㅋㅋㅋㅋ\n\n\n\n10000원 ')).toEqual({
    text: '정말 좋아요ㅋㅋㅋ\n\n10000원',
    found: { repeats: 1, spaces: 1 },
  })
})

test('an empty document is dropped, a tidy one stays', () => {
  expect(spacingStep(' \n\t')).toEqual({ dropped: 'empty', found: { spaces: 1 } })
  expect(spacingStep('네.\n\n그래요.')).toEqual({ text: '네.\n\n그래요.', found: {} })
})
