import { describe, expect, test } from 'vitest'
import { ChatPage, eventually, useBench } from './harness.ts'

const bench = useBench()

describe('conversations', () => {
  test('stand side by side, and two can be answered at once', async () => {
    const chat = await bench.open()
    bench.model.hold(0)
    await chat.ask('하나')
    await eventually(() => bench.model.asked.length).toBe(1)
    await chat.newChat()
    await chat.ask('둘')
    await eventually(() => bench.model.asked.length).toBe(2)
    bench.model.release()
    await chat.sees('"둘"에 답합니다.')
    await chat.settled()
    expect(await chat.conversations.allInnerTexts()).toEqual(['둘', '하나'])
    await chat.conversations.filter({ hasText: '하나' }).click()
    await chat.sees('"하나"에 답합니다.')
    expect(bench.model.asked[1].messages).toEqual([{ role: 'user', content: '둘' }])
    await chat.page.goBack()
    await chat.sees('"둘"에 답합니다.')
  })

  test('are still there after a reload, in the same order', async () => {
    const chat = await bench.open()
    await chat.askAndWait('하나')
    await chat.newChat()
    await chat.askAndWait('둘')
    await chat.page.reload()
    await chat.sees('"둘"에 답합니다.')
    expect(await chat.conversations.allInnerTexts()).toEqual(['둘', '하나'])
  })

  test('can be renamed; a name given by hand stays when the first question changes', async () => {
    const chat = await bench.open()
    await chat.askAndWait('하나')
    await chat.button('"하나" 이름 바꾸기').click()
    await chat.page.keyboard.type('나의 대화')
    await chat.page.keyboard.press('Enter')
    await chat.questions.first().hover()
    await chat.button('질문 고치기').click()
    await chat.page.keyboard.type(' 둘')
    await chat.page.keyboard.press('Enter')
    await chat.sees('"하나 둘"에 답합니다.')
    await chat.settled()
    await chat.page.reload()
    await eventually(() => chat.conversations.allInnerTexts()).toEqual(['나의 대화'])
  })

  test('can be deleted, and brought back', async () => {
    const chat = await bench.open()
    await chat.askAndWait('하나')
    await chat.button('"하나" 삭제').click()
    await chat.page.getByRole('heading', { name: '안녕하세요' }).waitFor()
    expect(await chat.conversations.count()).toBe(0)
    await chat.button('되돌리기').click()
    await chat.conversations.filter({ hasText: '하나' }).click()
    await chat.sees('"하나"에 답합니다.')

    await chat.button('"하나" 삭제').click()
    await chat.page.reload()
    await chat.page.getByText('나눈 대화가 여기에 모입니다.').waitFor()
    expect(await chat.conversations.count()).toBe(0)
  })

  test('show in another tab as they change', async () => {
    const chat = await bench.open()
    const other = new ChatPage(await chat.page.context().newPage())
    await other.page.goto(bench.server.url)
    await other.field.waitFor()
    await chat.askAndWait('하나')
    await other.conversations.filter({ hasText: '하나' }).click()
    await other.sees('다섯 여섯.')
  })

  test('work without storage, and the page says that they will not stay', async () => {
    const chat = await bench.open()
    await chat.page.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('Denied', 'SecurityError')
      }
    })
    await chat.page.reload()
    await chat.page.getByRole('alert').getByText('저장을 허용하지 않아').waitFor()
    await chat.askAndWait('하나')
    await chat.sees('"하나"에 답합니다.')
  })
})
