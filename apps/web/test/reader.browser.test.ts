import axe from 'axe-core'
import { describe, expect, test } from 'vitest'
import { eventually, useBench } from './harness.ts'

const bench = useBench()

describe('the keyboard', () => {
  test('is enough: ask, break lines, start anew, go back, rename, edit', async () => {
    const chat = await bench.open()
    const { keyboard } = chat.page
    await eventually(() => chat.field.evaluate(field => field === document.activeElement)).toBe(true)
    await keyboard.type('첫 줄')
    await keyboard.press('Shift+Enter')
    await keyboard.type('둘째 줄')
    expect(bench.model.asked).toHaveLength(0)
    await keyboard.press('Enter')
    await chat.sees('다섯 여섯.')
    await chat.settled()
    expect(bench.model.asked[0].question).toBe('첫 줄\n둘째 줄')
    expect(await chat.field.inputValue()).toBe('')

    await keyboard.press('Control+Shift+O')
    await chat.page.getByRole('heading', { name: '안녕하세요' }).waitFor()
    await keyboard.type('새 대화의 질문')
    await keyboard.press('Enter')
    await chat.settled()
    expect(await chat.conversations.allInnerTexts()).toEqual(['새 대화의 질문', '첫 줄'])

    // Everything that has a button can be reached with Tab, and shows where the focus is.
    const reached = new Set<string>()
    for (let i = 0; i < 40; i++) {
      await keyboard.press('Tab')
      const [name, outline] = await chat.page.evaluate(() => {
        const element = document.activeElement as HTMLElement
        if (element === document.body) return ['', '']
        const shown = element.matches('input[type=radio]') ? (element.nextElementSibling as HTMLElement) : element
        return [
          element.getAttribute('aria-label') ?? element.textContent,
          element.matches('textarea') ? 'solid' : getComputedStyle(shown).outlineStyle,
        ]
      })
      if (name) expect([name, outline]).toEqual([name, 'solid'])
      reached.add(name)
    }
    for (const name of [
      '새 대화',
      '"첫 줄" 이름 바꾸기',
      '"첫 줄" 삭제',
      '한국어',
      '시스템 설정',
      '질문 고치기',
      '다시 답하기',
      '생각하기',
      '질문',
    ]) {
      expect(reached).toContain(name)
    }
  })

  test('does not send while Hangul is being composed', async () => {
    const chat = await bench.open()
    await chat.field.focus()
    const input = await chat.page.context().newCDPSession(chat.page)
    await input.send('Input.imeSetComposition', { text: '안녀', selectionStart: 2, selectionEnd: 2 })
    await input.send('Input.imeSetComposition', { text: '안녕', selectionStart: 2, selectionEnd: 2 })
    // As from an input method: the key is pressed but types nothing.
    const enter = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 }
    await input.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter })
    await input.send('Input.dispatchKeyEvent', { type: 'keyUp', ...enter })
    await input.send('Input.insertText', { text: '안녕' })
    expect(await chat.field.inputValue()).toBe('안녕')
    expect(bench.model.asked).toHaveLength(0)
    expect(await chat.questions.count()).toBe(0)
    await chat.page.keyboard.press('Enter')
    await chat.sees('"안녕"에 답합니다.')
    expect(bench.model.asked).toHaveLength(1)
  })
})

describe('a screen reader', () => {
  test.each([
    ['light', 1180],
    ['dark', 1180],
    ['light', 400],
  ] as const)('finds nothing that axe would complain of: %s, %i wide', async (colorScheme, width) => {
    const chat = await bench.open({ colorScheme, viewport: { width, height: 760 } })
    const complaints = async () => {
      // What still fades in has other colours.
      await chat.page.evaluate(() => Promise.all(document.getAnimations().map(animation => animation.finished)))
      await chat.page.evaluate(axe.source)
      return chat.page.evaluate(async () => {
        const { violations } = await (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run()
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`)
      })
    }
    expect(await complaints()).toEqual([])
    bench.model.script = () => ({
      reasoning: '생각',
      text: '# 제목\n\n답 [링크](https://example.com)\n\n```ts\na\n```',
    })
    await chat.page.getByRole('switch', { name: '생각하기' }).click()
    await chat.askAndWait('안녕')
    expect(await complaints()).toEqual([])
    bench.model.script = () => {
      throw new Error('broken')
    }
    await chat.ask('또')
    await chat.sees('서버에서 문제가 생겼습니다.')
    expect(await complaints()).toEqual([])
  })

  test('hears that the answer begins, and the whole answer once', async () => {
    const chat = await bench.open()
    const said = chat.page.locator('[role=status].visually-hidden')
    bench.model.hold(2)
    await chat.ask('안녕')
    await eventually(() => said.textContent()).toBe('답변을 쓰고 있습니다')
    bench.model.release()
    await eventually(() => said.textContent()).toBe('답변: "안녕"에 답합니다. 하나 둘 셋 넷 다섯 여섯.')
  })
})

describe('language', () => {
  test('is Korean at first, whatever the browser prefers; English is one click away and stays', async () => {
    const chat = await bench.open({ locale: 'en-US' })
    expect(await chat.page.getAttribute('html', 'lang')).toBe('ko')
    await chat.page.getByText('English').click()
    await chat.page.getByRole('heading', { name: 'Hello. What would you like to know?' }).waitFor()
    await chat.page.reload()
    await chat.page.getByRole('heading', { name: 'Hello. What would you like to know?' }).waitFor()
    expect(await chat.page.getAttribute('html', 'lang')).toBe('en')
    await chat.askAndWait('안녕')
    expect(await chat.answer.locator('.answer-stats').textContent()).toMatch(/^\d+\.\d s/)
    await chat.page.getByText('한국어').click()
    await chat.button('새 대화').waitFor()
  })
})

describe('the theme', () => {
  test('follows the system until the reader chooses, and then stays', async () => {
    const chat = await bench.open({ colorScheme: 'dark' })
    const background = () => chat.page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const dark = await background()
    await chat.page.emulateMedia({ colorScheme: 'light' })
    const light = await background()
    expect(light).not.toBe(dark)
    await chat.page.getByTitle('어둡게').click()
    expect(await background()).toBe(dark)
    await chat.page.reload()
    expect(await background()).toBe(dark)
    await chat.page.getByTitle('밝게').click()
    await chat.page.emulateMedia({ colorScheme: 'dark' })
    expect(await background()).toBe(light)
  })
})

describe('a narrow window', () => {
  test('opens the drawer for the keyboard, closes it on Esc and gives the focus back', async () => {
    const chat = await bench.open({ viewport: { width: 700, height: 700 } })
    await chat.button('대화 목록 열기').press('Enter')
    const first = chat.page.getByRole('complementary').getByRole('button', { name: '새 대화', exact: true })
    await eventually(() => first.evaluate(button => button === document.activeElement)).toBe(true)
    await chat.page.keyboard.press('Escape')
    await chat.page.getByRole('complementary').waitFor({ state: 'hidden' })
    await eventually(() => chat.button('대화 목록 열기').evaluate(button => button === document.activeElement)).toBe(
      true,
    )

    await chat.button('대화 목록 열기').press('Enter')
    await chat.page.setViewportSize({ width: 1000, height: 700 })
    await chat.askAndWait('넓은 창')
  })
})

describe('a phone', () => {
  const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }

  test('has the conversations in a drawer and nothing beyond its edge', async () => {
    const chat = await bench.open(phone)
    await chat.askAndWait('아주길고띄어쓰기가없는말'.repeat(12))
    await chat.newChat()
    await chat.askAndWait('둘')
    const sideways = () => chat.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(await sideways()).toBeLessThanOrEqual(0)
    const list = chat.page.getByRole('complementary')
    expect(await list.isVisible()).toBe(false)

    await chat.button('대화 목록 열기').tap()
    await list.waitFor()
    await list
      .getByRole('button', { name: /^아주길고/ })
      .first()
      .tap()
    await list.waitFor({ state: 'hidden' })
    await chat.sees('하나 둘 셋')
    expect(await chat.questions.count()).toBe(1)
    expect(await sideways()).toBeLessThanOrEqual(0)

    await chat.button('대화 목록 열기').tap()
    await list.waitFor()
    await chat.page.touchscreen.tap(350, 400)
    await list.waitFor({ state: 'hidden' })
    // Smaller type would make a phone zoom in on the field.
    expect(
      await chat.field.evaluate(field => Number.parseFloat(getComputedStyle(field).fontSize)),
    ).toBeGreaterThanOrEqual(16)
  })
})
