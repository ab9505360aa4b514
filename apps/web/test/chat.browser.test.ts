import { describe, expect, test } from 'vitest'
import { eventually, useBench } from './harness.ts'

const bench = useBench()

describe('an answer', () => {
  test('comes to a suggested question, and the conversation is listed under it', async () => {
    const chat = await bench.open()
    await chat.page.getByRole('heading', { name: '안녕하세요' }).waitFor()
    await chat.button('안녕! 만나서 반가워.').click()
    await chat.sees('"안녕! 만나서 반가워."에 답합니다.')
    await chat.settled()
    expect(await chat.conversations.allInnerTexts()).toEqual(['안녕! 만나서 반가워.'])
    expect(await chat.page.title()).toBe('안녕! 만나서 반가워. · 모두')
    expect(bench.model.asked.map(({ thinking }) => thinking)).toEqual([false])
    expect(await chat.answer.locator('.answer-stats').textContent()).toMatch(/^\d+\.\d초/)
  })

  test('is shown while it is being written', async () => {
    const chat = await bench.open()
    bench.model.hold(2)
    await chat.ask('안녕')
    await chat.sees('"안녕"에 답합니다.')
    expect(await chat.answer.getAttribute('aria-busy')).toBe('true')
    expect(await chat.answer.textContent()).not.toContain('여섯')
    expect(await chat.button('보내기').count()).toBe(0)
    bench.model.release()
    await chat.sees('하나 둘 셋 넷 다섯 여섯.')
    await chat.settled()
    expect(await chat.answer.getAttribute('aria-busy')).toBe('false')
  })

  test.each(['button', 'Escape'])('stops by %s, in the server too, and the conversation goes on', async how => {
    const chat = await bench.open()
    bench.model.hold(3)
    await chat.ask('안녕')
    await chat.sees('하나')
    if (how === 'button') await chat.button('답변 멈추기').click()
    else await chat.page.keyboard.press('Escape')
    await chat.settled()
    await chat.sees('여기서 멈췄습니다.')
    await eventually(() => bench.model.abandoned).toBe(1)

    bench.model.release()
    await chat.askAndWait('계속')
    expect(bench.model.asked[1].messages.map(({ role, content }) => [role, content?.trim()])).toEqual([
      ['user', '안녕'],
      ['assistant', '"안녕"에 답합니다. 하나'],
      ['user', '계속'],
    ])
  })

  test('survives a reload as far as it came, and can be given again', async () => {
    const chat = await bench.open()
    bench.model.hold(4)
    await chat.ask('안녕')
    await chat.sees('하나 둘')
    await chat.page.reload()
    await chat.sees('"안녕"에 답합니다. 하나 둘')
    await chat.sees('답변이 도중에 끊겼습니다.')
    await eventually(() => bench.model.abandoned).toBe(1)

    bench.model.release()
    await chat.button('다시 답하기').click()
    await chat.sees('다섯 여섯.')
    await chat.settled()
    expect(await chat.answers.count()).toBe(1)
    await chat.page.reload()
    await chat.sees('다섯 여섯.')
    expect(await chat.answer.textContent()).not.toContain('끊겼습니다')
  })

  test('is replaced by another on retry', async () => {
    const chat = await bench.open()
    let round = 0
    bench.model.script = () => ({ text: `답 ${++round}번` })
    await chat.askAndWait('안녕')
    await chat.sees('답 1번')
    await chat.page.getByRole('switch', { name: '생각하기' }).click()
    await chat.button('다시 답하기').click()
    await chat.sees('답 2번')
    await chat.settled()
    expect(await chat.answers.count()).toBe(1)
    expect(bench.model.asked[1].messages).toEqual([{ role: 'user', content: '안녕' }])
    expect(bench.model.asked.map(({ thinking }) => thinking)).toEqual([false, true])
  })
})

describe('editing a question', () => {
  test('cuts what follows and asks anew', async () => {
    const chat = await bench.open()
    await chat.askAndWait('첫째')
    await chat.askAndWait('둘째')
    await chat.questions.first().hover()
    await chat.questions.first().getByRole('button', { name: '질문 고치기' }).click()
    const editor = chat.page.getByRole('textbox', { name: '질문 고치기' })
    expect(await editor.inputValue()).toBe('첫째')
    await editor.fill('다른 첫째')
    await editor.press('Enter')
    await chat.sees('"다른 첫째"에 답합니다.')
    await chat.settled()
    expect(await chat.questions.locator('.question-bubble').allInnerTexts()).toEqual(['다른 첫째'])
    expect(await chat.answers.count()).toBe(1)
    expect(bench.model.asked.at(-1)?.messages).toEqual([{ role: 'user', content: '다른 첫째' }])
    expect(await chat.conversations.allInnerTexts()).toEqual(['다른 첫째'])
  })

  test('can be called off', async () => {
    const chat = await bench.open()
    await chat.askAndWait('첫째')
    await chat.questions.first().hover()
    await chat.button('질문 고치기').click()
    await chat.page.keyboard.type('!')
    await chat.page.keyboard.press('Escape')
    expect(await chat.questions.locator('.question-bubble').allInnerTexts()).toEqual(['첫째'])
    expect(bench.model.asked).toHaveLength(1)
  })
})

describe('thinking', () => {
  test('is asked for by the switch, shown while it lasts, and folded for the answer', async () => {
    const chat = await bench.open()
    bench.model.script = () => ({ reasoning: '먼저 더해 봅니다. 12와 7이니까', text: '답은 19입니다.' })
    await chat.page.getByRole('switch', { name: '생각하기' }).click()
    bench.model.hold(3)
    await chat.ask('12 더하기 7은?')
    await chat.sees('먼저 더해 봅니다.')
    const panel = chat.answer.locator('.reasoning-body')
    expect(await panel.isVisible()).toBe(true)
    await chat.button('생각하는 중').waitFor()
    bench.model.release()
    await chat.sees('답은 19입니다.')
    await chat.settled()
    expect(bench.model.asked[0].thinking).toBe(true)
    expect(await panel.isVisible()).toBe(false)
    await chat.answer.getByRole('button', { name: /초 동안 생각함$/ }).click()
    expect(await panel.textContent()).toBe('먼저 더해 봅니다. 12와 7이니까')

    await chat.page.reload()
    expect(await chat.page.getByRole('switch', { name: '생각하기' }).getAttribute('aria-checked')).toBe('true')
    // What the model thought is not read to it again.
    await chat.askAndWait('고마워')
    expect(bench.model.asked[1].messages[1]).toEqual({ role: 'assistant', content: '답은 19입니다.' })
  })
})

describe('Markdown', () => {
  const answer = [
    '**서울**은 1~2시, 3~4시에 좋고\n**"한강"**도 좋습니다.',
    '| 이름 | 값 |\n| --- | --- |\n| 하나 | 1 |',
    '```ts\nconst 하나 = 1\nconsole.log(하나)\n```',
    '<img src=x onerror="document.title=1"><script>document.title=2</script>',
    '![그림](http://127.0.0.1:9/leak.png) [나쁜 곳](javascript:document.title=3) [좋은 곳](https://example.com/)',
  ].join('\n\n')

  test('is drawn with Korean in mind', async () => {
    const chat = await bench.open()
    bench.model.script = () => ({ text: answer })
    await chat.askAndWait('보여 줘')
    expect(await chat.answer.locator('strong').allInnerTexts()).toEqual(['서울', '"한강"'])
    expect(await chat.answer.locator('del').count()).toBe(0)
    expect((await chat.answer.locator('p').allInnerTexts())[0]).toBe('서울은 1~2시, 3~4시에 좋고\n"한강"도 좋습니다.')
    expect(await chat.answer.locator('td').allInnerTexts()).toEqual(['하나', '1'])
  })

  test('has code that can be copied', async () => {
    const chat = await bench.open({ permissions: ['clipboard-read', 'clipboard-write'] })
    bench.model.script = () => ({ text: answer })
    await chat.askAndWait('보여 줘')
    await chat.button('코드 복사').click()
    await chat.answer.locator('.code').getByRole('button', { name: '복사함' }).waitFor()
    expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe('const 하나 = 1\nconsole.log(하나)\n')
  })

  test('runs nothing, loads nothing and leads to no script', async () => {
    const chat = await bench.open()
    const elsewhere: string[] = []
    chat.page.on('request', request => {
      if (!request.url().startsWith(bench.server.url)) elsewhere.push(request.url())
    })
    bench.model.script = () => ({ text: answer })
    await chat.askAndWait('보여 줘')
    expect(await chat.answer.locator('img, script').count()).toBe(0)
    expect(await chat.answer.textContent()).toContain('<script>document.title=2</script>')
    expect(await chat.answer.getByText('나쁜 곳').getAttribute('href')).toBe('')
    const good = chat.answer.getByRole('link', { name: '좋은 곳' })
    expect(await good.getAttribute('rel')).toBe('noopener noreferrer')
    expect(await chat.page.title()).toBe('보여 줘 · 모두')
    expect(elsewhere).toEqual([])
  })
})

describe('scrolling', () => {
  test('follows the answer only as long as the reader is at the end', async () => {
    const chat = await bench.open()
    const lines = Array.from({ length: 60 }, (_, i) => `${i + 1}째줄`)
    bench.model.script = () => ({ text: lines.join('\n\n') })
    bench.model.hold(40)
    await chat.ask('길게')
    await chat.sees('40째줄')
    const gap = () =>
      chat.page.locator('.thread-scroll').evaluate(box => box.scrollHeight - box.clientHeight - box.scrollTop)
    await eventually(gap).toBeLessThan(2)

    await chat.page.locator('.thread-scroll').hover()
    await chat.page.mouse.wheel(0, -600)
    await chat.button('맨 아래로').waitFor()
    const top = await chat.page.locator('.thread-scroll').evaluate(box => box.scrollTop)
    bench.model.release()
    await chat.settled()
    expect(await chat.page.locator('.thread-scroll').evaluate(box => box.scrollTop)).toBe(top)
    await chat.button('맨 아래로').click()
    await eventually(gap).toBeLessThan(2)
    expect(await chat.button('맨 아래로').count()).toBe(0)
  })
})
