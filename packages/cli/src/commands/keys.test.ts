import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../command.ts'
import { UsageError } from '../errors.ts'
import { modu, start } from '../testing.ts'
import { keys } from './keys.ts'
import { usage } from './usage.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-keys-'))
const model = join(folder, 'tiny')
const home = { MODU_HOME: join(folder, 'home') }
beforeAll(() => writeTinyModel(model, { maxPositions: 256 }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const address = /http:\/\/127\.0\.0\.1:(\d+)/
const serve = ['serve', '-m', model, '--port', '0', '--threads', '1']

test('a key is made, used, listed, counted, changed and revoked, while the server runs', async () => {
  const server = start([...serve, '--log', 'info'], home)
  const [url] = await server.printed(address)
  const made = await modu(['keys', 'create', '상담팀', '--monthly', '5000', '--expires', '2099-01-31'], home)
  expect(made).toMatchObject({ status: 0, stderr: '' })
  const [secret] = /modu_[\w-]{43}/.exec(made.stdout)!
  const [id] = /key_[0-9a-f]{12}/.exec(made.stdout)!

  const ask = (key: string) =>
    fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'tiny', prompt: '안녕?', max_tokens: 4 }),
    })
  const answer = await ask(secret)
  expect(answer.status).toBe(200)
  const { usage: tokens } = (await answer.json()) as { usage: { prompt_tokens: number; completion_tokens: number } }

  const list = await modu(['keys', 'list'], home)
  const [head, line] = list.stdout.split('\n')
  expect(head).toMatch(/^ID +이름 +키 +상태 /)
  expect(line!.split(/ {2,}/)).toEqual([
    id,
    '상담팀',
    `${secret.slice(0, 11)}…`,
    '사용 중',
    '*',
    '-',
    '-',
    '5,000',
    '2099-01-31T00:00',
  ])
  const day = new Date().toISOString().slice(0, 10)
  const [csv, json, table] = await Promise.all([
    modu(['usage', '--csv'], home),
    modu(['usage', '--json', '--from', day, '--to', day], home),
    modu(['usage'], home),
  ])
  expect(csv.stdout).toContain(`${day},${id},상담팀,tiny,1,${tokens.prompt_tokens},${tokens.completion_tokens}\r\n`)
  expect(JSON.parse(json.stdout)).toMatchObject([{ key: id, name: '상담팀', requests: 1 }])
  expect(table.stdout).toMatch(/상담팀 +tiny +1 /)

  const rotated = JSON.parse((await modu(['keys', 'rotate', '상담팀', '--json'], home)).stdout)
  expect(rotated).toMatchObject({ id, tokens_per_month: 5000 })
  expect((await ask(secret)).status).toBe(401)
  expect((await ask(rotated.secret)).status).toBe(200)
  expect((await modu(['keys', 'revoke', id], home)).stdout).toContain('상담팀')
  expect((await ask(rotated.secret)).status).toBe(401)

  server.child.kill('SIGTERM')
  const { status, stderr } = await server.ended
  expect(status).toBe(0)
  expect(stderr).toContain(`"key":"${id}"`)
  expect(stderr).not.toContain('안녕')
}, 240_000)

test('says what is wrong', async () => {
  const empty = { MODU_HOME: join(folder, 'empty') }
  const [open, missing, list] = await Promise.all([
    modu([...serve, '--host', '0.0.0.0'], empty),
    modu(['keys', 'revoke', '아무개'], empty),
    modu(['keys', 'list'], empty),
  ])
  expect(open.status).toBe(1)
  expect(open.stderr).toContain('modu keys create')
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining("'아무개'")])
  expect(list.stdout).toContain('modu keys create')
})

test.each([
  [keys, ['create', ' ']],
  [keys, ['create', 'a', '--tokens', '0']],
  [keys, ['create', 'a', '--expires', '2020-01-01']],
  [usage, ['--from', 'gestern']],
])('refuses a wrong command line before anything happens', async (command, args) => {
  await expect(runCommand(command, args)).rejects.toThrow(UsageError)
})
