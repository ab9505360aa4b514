import { ModelError } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { eventually, useBench } from './harness.ts'

const bench = useBench()

describe('when something goes wrong', () => {
  test('a server that is gone is named, waited for, and asked again', async () => {
    const chat = await bench.open()
    await chat.askAndWait('하나')
    const { port } = bench.server
    await bench.server.stop()
    await chat.ask('둘')
    await chat.sees('서버와 연결이 끊겼습니다. 터미널에서 npm start가 켜져 있는지 확인한 뒤 다시 시도하세요.')
    const notice = chat.page.getByRole('alert')
    await notice.getByText('다시 연결해 보고 있습니다').waitFor()

    await bench.start({ port })
    await notice.waitFor({ state: 'hidden' })
    await chat.button('다시 시도').click()
    await chat.sees('"둘"에 답합니다.')
    await chat.settled()
    expect(await chat.answers.count()).toBe(2)
  })

  test('what had arrived is kept when the server goes in the middle of an answer', async () => {
    await bench.start({ patience: 0 })
    const chat = await bench.open()
    bench.model.hold(3)
    await chat.ask('안녕')
    await chat.sees('하나')
    await bench.server.stop()
    await chat.sees('서버와 연결이 끊겼습니다.')
    await bench.start({ port: bench.server.port })
    await chat.page.reload()
    await chat.sees('"안녕"에 답합니다. 하나')
    await chat.sees('서버와 연결이 끊겼습니다.')
  })

  test('a busy model asks for patience', async () => {
    await bench.start({ seats: 1, line: 0 })
    const chat = await bench.open()
    bench.model.hold(0)
    await chat.ask('하나')
    await eventually(() => bench.model.asked.length).toBe(1)
    await chat.newChat()
    await chat.ask('둘')
    await chat.sees('지금은 모델이 다른 답변을 쓰느라 바쁩니다.')
    bench.model.release()
    await eventually(() => chat.page.locator('.conversation .mark-busy').count()).toBe(0)
    await chat.button('다시 시도').click()
    await chat.sees('"둘"에 답합니다.')
  })

  test('a conversation beyond the context goes on without its beginning, and says so', async () => {
    const chat = await bench.open()
    const tooLong = () => new ModelError('context', 'The prompt has 5000 tokens, the context holds 4096. Shorten it.')
    bench.model.script = ({ messages, question }) => {
      if (messages.length > 3) throw tooLong()
      return { text: `${question}의 답` }
    }
    await chat.askAndWait('하나')
    await chat.askAndWait('둘')
    expect(await chat.page.getByText('읽지 않고 답했습니다').count()).toBe(0)
    await chat.askAndWait('셋')
    await chat.sees('대화가 길어, 앞의 질문 1개와 그 답은 읽지 않고 답했습니다.')
    await chat.askAndWait('넷')
    await chat.sees('앞의 질문 2개와 그 답은')
    expect(bench.model.asked.at(-1)?.messages.map(({ content }) => content)).toEqual(['셋', '셋의 답', '넷'])

    bench.model.script = () => {
      throw tooLong()
    }
    await chat.ask('너무 긴 질문')
    await chat.sees('질문이 모델이 읽을 수 있는 길이를 넘었습니다. 질문을 줄여 보세요.')
  })

  test('a failing model is named in the language chosen, and its question is not sent along with the next', async () => {
    const chat = await bench.open()
    await chat.page.getByText('English').click()
    const { script } = bench.model
    bench.model.script = () => {
      throw new Error('broken')
    }
    await chat.ask('하나')
    await chat.sees('Something went wrong in the server.')
    bench.model.script = script
    await chat.askAndWait('둘')
    expect(bench.model.asked.at(-1)?.messages).toEqual([{ role: 'user', content: '둘' }])
  })
})
