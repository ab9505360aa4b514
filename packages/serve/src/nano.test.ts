import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createCpuDevice } from '@modu/engine'
import { ChatModel } from '@modu/model'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { serve } from './serve.ts'

const folder = fileURLToPath(new URL('../../../models/nano', import.meta.url))

test.skipIf(!existsSync(folder))('the model that comes with the repository answers 안녕 in Korean', async () => {
  const device = createCpuDevice()
  const server = await serve({ port: 0, models: { nano: ChatModel.load(folder, device) } })
  try {
    const client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
    const stream = await client.chat.completions.create({
      model: 'nano',
      messages: [{ role: 'user', content: '안녕' }],
      seed: 1,
      max_tokens: 60,
      stream: true,
    })
    let answer = ''
    for await (const chunk of stream) answer += chunk.choices[0].delta.content ?? ''
    expect(answer).toMatch(/[가-힣]{2,}/)
    expect(answer).not.toMatch(/<\|/)
  } finally {
    await server.stop()
    await device.close()
  }
})
