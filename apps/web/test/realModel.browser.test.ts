import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCpuDevice } from '@modu/engine'
import { ChatModel } from '@modu/model'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useBench } from './harness.ts'

/* From the key that is pressed down to the kernels: a tiny A.X K1 with random weights, whose answers are noise. */

const bench = useBench()
let model: ChatModel

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modu-tiny-'))
  // With this seed it has something to say to 안녕.
  await writeTinyModel(folder, { seed: 4, maxPositions: 192 })
  // Without chance the same question gets the same answer.
  const generation = join(folder, 'generation_config.json')
  await writeFile(generation, JSON.stringify({ ...JSON.parse(await readFile(generation, 'utf8')), do_sample: false }))
  model = ChatModel.load(folder, createCpuDevice({ threads: 1 }))
  await rm(folder, { recursive: true })
})
afterAll(async () => {
  model?.close()
  await model?.model.device.close()
})

describe('with a real model', () => {
  test('a question is answered, again the same, and the answer is still there after a reload', async () => {
    await bench.start({ models: { tiny: model } })
    const chat = await bench.open()
    await chat.page.locator('.topbar-model').getByText('tiny').waitFor()
    await chat.askAndWait('안녕')
    const answer = await chat.answer.locator('.markdown').textContent()
    expect(answer?.length).toBeGreaterThan(10)
    expect(await chat.answer.locator('.answer-stats').getAttribute('title')).toMatch(
      /^\d{2,3}토큰, 첫 토큰까지 \d+\.\d초$/,
    )
    await chat.button('다시 답하기').click()
    await chat.settled()
    expect(await chat.answer.locator('.markdown').textContent()).toBe(answer)
    await chat.page.reload()
    await chat.answer.waitFor()
    expect(await chat.answer.locator('.markdown').textContent()).toBe(answer)
  })

  test('a question too long for the context is refused with what to do', async () => {
    await bench.start({ models: { tiny: model } })
    const chat = await bench.open()
    await chat.ask('아주 긴 질문입니다. '.repeat(60))
    await chat.sees('질문이 모델이 읽을 수 있는 길이를 넘었습니다.')
  })

  test('thinking is opened by the prompt, and what the model writes then is its reasoning', async () => {
    await bench.start({ models: { tiny: model } })
    const chat = await bench.open()
    await chat.page.getByRole('switch', { name: '생각하기' }).click()
    await chat.askAndWait('하나 더하기 하나는?')
    await chat.answer.locator('.reasoning-title').waitFor()
  })
})
