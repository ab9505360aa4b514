import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createCpuDevice, type Device } from '@modu/engine'
import { ChatModel } from '@modu/model'
import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type RunningServer, serve } from './serve.ts'

const folder = fileURLToPath(new URL('../../../models/nano', import.meta.url))

describe.skipIf(!existsSync(folder))('the model that comes with the repository', () => {
  let device: Device
  let server: RunningServer
  let client: OpenAI
  beforeAll(async () => {
    device = createCpuDevice()
    server = await serve({ port: 0, models: { nano: ChatModel.load(folder, device) } })
    client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
  })
  afterAll(async () => {
    await server.stop()
    await device.close()
  })

  test('answers 안녕 in Korean', async () => {
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
  })

  test('writes JSON of a schema, thoughts before it or not', async () => {
    const Weather = z.object({
      도시: z.enum(['서울', '부산']),
      기온: z.number().min(-30).max(45),
      말: z.string().max(40),
    })
    for (const reasoning_effort of ['none', 'low'] as const) {
      const { choices } = await client.chat.completions.parse({
        model: 'nano',
        messages: [{ role: 'user', content: '서울 날씨를 알려 줘.' }],
        response_format: zodResponseFormat(Weather, 'weather'),
        reasoning_effort,
        temperature: 0,
        max_tokens: 200,
      })
      expect(Weather.parse(choices[0]!.message.parsed)).toEqual(JSON.parse(choices[0]!.message.content!))
    }
  })
})
