import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Keys, openDatabase } from '@modu/serve'
import axe from 'axe-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ChatPage, eventually, useBench } from './harness.ts'

const bench = useBench()

/** A server that needs a key, and its keys. */
async function startLocked(tokensPerMonth: number | null = null) {
  const folder = mkdtempSync(join(tmpdir(), 'modu-key-'))
  const database = await openDatabase({ MODU_HOME: folder })
  onTestFinished(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })
  const keys = new Keys(database)
  const made = await keys.create({
    name: 'office',
    models: null,
    admin: false,
    requestsPerMinute: null,
    tokensPerMinute: null,
    tokensPerMonth,
    expiresAt: null,
  })
  await bench.start({ database })
  return { keys, ...made }
}

const form = (chat: ChatPage) => chat.page.getByRole('textbox', { name: /^API (키|key)$/ })

async function enter(chat: ChatPage, secret: string, keep = false): Promise<void> {
  await form(chat).fill(secret)
  if (keep) await chat.page.getByRole('checkbox').check()
  await form(chat).press('Enter')
}

/** All that the browser keeps of a page's own. */
const stored = (chat: ChatPage) => chat.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))

describe('a server with keys', () => {
  test('is asked with the key that the reader gives; a reload asks for it anew', async () => {
    const { secret } = await startLocked()
    const chat = await bench.open()
    await chat.page.getByText('이 서버를 쓰려면 API 키가 필요합니다.').waitFor()
    await enter(chat, secret)
    await form(chat).waitFor({ state: 'hidden' })
    await eventually(() => chat.field.evaluate(field => field === document.activeElement)).toBe(true)
    await chat.askAndWait('안녕')
    await chat.sees('"안녕"에 답합니다.')
    expect(await stored(chat)).not.toContain(secret)
    await chat.page.reload()
    await form(chat).waitFor()
  })

  test('says so where a key is not good, and answers what was asked before once it is', async () => {
    const { secret } = await startLocked()
    const chat = await bench.open()
    await chat.ask('하나')
    await chat.sees('서버가 받아들이는 API 키가 없어 답하지 못했습니다.')
    await enter(chat, '열려라 참깨')
    await chat.page.getByRole('alert').getByText('서버가 이 키를 받아들이지 않았습니다.').waitFor()
    await enter(chat, secret)
    await form(chat).waitFor({ state: 'hidden' })
    await chat.button('다시 시도').click()
    await chat.sees('"하나"에 답합니다.')
  })

  test('finds the key of the last visit if the reader has kept it, until it is forgotten, in every tab', async () => {
    const { secret } = await startLocked()
    const chat = await bench.open()
    await enter(chat, secret, true)
    await chat.button('저장한 API 키 지우기').waitFor()
    await chat.page.reload()
    await chat.askAndWait('안녕')
    await chat.sees('"안녕"에 답합니다.')
    const other = await chat.page.context().newPage()
    await other.goto(bench.server.url)
    await other.getByRole('button', { name: '저장한 API 키 지우기' }).click()
    await form(chat).waitFor()
    expect(await stored(chat)).not.toContain(secret)
    await chat.page.reload()
    await form(chat).waitFor()
  })

  test('asks for another key when the one in use is revoked', async () => {
    const { key, secret, keys } = await startLocked()
    const chat = await bench.open()
    await enter(chat, secret)
    await chat.askAndWait('하나')
    await keys.revoke(key.id)
    await chat.ask('둘')
    await chat.sees('서버가 받아들이는 API 키가 없어')
    await form(chat).waitFor()
  })

  test('names a quota that is used up', async () => {
    const { secret } = await startLocked(3)
    const chat = await bench.open()
    await enter(chat, secret)
    await chat.ask('하나')
    await chat.sees('이 키로 이번 달에 쓸 수 있는 토큰을 모두 썼습니다.')
  })

  test('asks in English, too, in a form that anybody can use', async () => {
    await startLocked()
    for (const colorScheme of ['light', 'dark'] as const) {
      const chat = await bench.open({ colorScheme })
      await chat.page.getByText('English').click()
      await enter(chat, 'modu_wrong')
      await chat.page.getByText('The server did not accept this key').waitFor()
      await chat.page.evaluate(axe.source)
      const violations = await chat.page.evaluate(async () => {
        const { violations } = await (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run()
        return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
      })
      expect(violations).toEqual([])
    }
  })
})
