import OpenAI from 'openai'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ServeOptions, serve } from '../serve.ts'
import type { Database } from '../store/database.ts'
import { testDatabase } from '../store/testDatabase.ts'
import { randomModel, scriptedModel } from '../testModels.ts'
import { usageReport } from '../usage/report.ts'
import { Keys, type KeyTerms } from './keys.ts'
import { unlimited } from './testTerms.ts'

/* Keys and usage over HTTP. */

async function start(options: Partial<ServeOptions> = {}) {
  const database = options.database ?? (await testDatabase())
  const model = await scriptedModel('가나다라마바사 '.repeat(200))
  const server = await serve({ port: 0, models: { nano: model, other: model }, database, ...options })
  onTestFinished(() => server.stop())
  const keys = new Keys(database)
  const create = (name: string, terms: Partial<KeyTerms> = {}) => keys.create({ ...unlimited, ...terms, name })
  const call = (method: string, path: string, secret?: string, body?: object) =>
    fetch(server.url.replace('0.0.0.0', '127.0.0.1') + path, {
      method,
      headers: {
        ...(secret === undefined ? {} : { Authorization: `Bearer ${secret}` }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    })
  const complete = (secret?: string, fields: object = {}) =>
    call('POST', '/v1/completions', secret, { model: 'nano', prompt: '바다', max_tokens: 1, ...fields })
  return { server, database, keys, create, call, complete }
}

const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as {
    error: { code: string; message: string; type: string; param: unknown }
  }
  return { status: response.status, code: error.code }
}

describe('a server without keys', () => {
  test('answers anybody, and asks for one from the moment that there is one', async () => {
    const { complete, create, database, call, keys } = await start()
    expect((await complete('whatever')).status).toBe(200)
    expect((await complete()).status).toBe(200)
    expect(await usageReport(database)).toMatchObject([{ key: 'local', requests: 2, completion_tokens: 2 }])
    expect(await errorOf(await call('GET', '/admin/keys'))).toEqual({ status: 401, code: 'missing_api_key' })

    const { secret } = await create('office')
    expect((await complete(secret)).status).toBe(200)
    expect(await errorOf(await complete())).toEqual({ status: 401, code: 'missing_api_key' })
    await keys.revoke('office')
    expect(await errorOf(await complete())).toEqual({ status: 401, code: 'missing_api_key' })
    expect((await call('GET', '/health')).status).toBe(200)
  })

  test('does not listen to other machines, and says the remedy', async () => {
    const models = { nano: await randomModel() }
    for (const database of [undefined, await testDatabase()]) {
      const error = await serve({ port: 0, host: '0.0.0.0', models, database }).catch(error => error)
      expect(error).toMatchObject({ name: 'ServeError', code: 'keys-required' })
      expect(error.message).toContain('modu keys create')
    }
  })

  test('listens to other machines when there is one, and lets nobody in without it', async () => {
    const database = await testDatabase()
    const { secret } = await new Keys(database).create({ ...unlimited, name: 'office' })
    const { complete } = await start({ database, host: '0.0.0.0' })
    expect((await complete(secret)).status).toBe(200)
    expect((await complete()).status).toBe(401)
  })
})

describe('a key', () => {
  test('opens the API as a bearer token or as x-api-key; what is wrong with another is said', async () => {
    const { server, complete, create, keys, call } = await start()
    const { secret } = await create('office')
    const response = await fetch(`${server.url}/v1/models`, { headers: { 'x-api-key': secret } })
    expect(response.status).toBe(200)
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: secret, maxRetries: 0 })
    expect((await openai.models.list()).data).toHaveLength(2)

    const wrong = await complete(`${secret.slice(0, -1)}!`)
    expect(wrong.headers.get('WWW-Authenticate')).toBe('Bearer')
    expect(await errorOf(wrong)).toEqual({ status: 401, code: 'invalid_api_key' })
    await expect(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'no' }).models.list()).rejects.toThrow(
      OpenAI.AuthenticationError,
    )
    const expired = await create('old', { expiresAt: Date.now() - 1 })
    expect(await errorOf(await complete(expired.secret))).toEqual({ status: 401, code: 'expired_api_key' })
    await keys.revoke('office')
    expect(await errorOf(await complete(secret))).toEqual({ status: 401, code: 'revoked_api_key' })
    expect((await call('POST', '/tokenize', undefined, { model: 'nano', prompt: '바다' })).status).toBe(401)
  })

  test('has its models only', async () => {
    const { complete, create, call } = await start()
    const { secret } = await create('office', { models: ['other'] })
    expect((await complete(secret, { model: 'other' })).status).toBe(200)
    expect(await errorOf(await complete(secret))).toEqual({ status: 403, code: 'model_not_allowed' })
    expect(await errorOf(await call('GET', '/v1/models/nano', secret))).toMatchObject({ status: 403 })
    const list = (await (await call('GET', '/v1/models', secret)).json()) as { data: { id: string }[] }
    expect(list.data.map(({ id }) => id)).toEqual(['other'])
  })

  test('has its requests a minute, in the headers and then as 429', async () => {
    const { complete, create, call } = await start()
    const { secret } = await create('office', { requestsPerMinute: 2, tokensPerMinute: 1000 })
    const first = await complete(secret)
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBe('1000')
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^[\d.]+s$/)
    // One that is not in order counts, and has the headers, too.
    const bad = await complete(secret, { model: 3 })
    expect([bad.status, bad.headers.get('x-ratelimit-remaining-requests')]).toEqual([400, '0'])
    const refused = await complete(secret)
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(20)
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    expect(await errorOf(refused)).toEqual({ status: 429, code: 'rate_limit_exceeded' })
    expect((await call('GET', '/v1/models', secret)).status).toBe(200)
  })

  test('has its tokens a minute and a month', async () => {
    const { complete, create } = await start()
    const minute = await create('minute', { tokensPerMinute: 3 })
    expect((await complete(minute.secret, { max_tokens: 30 })).status).toBe(200)
    expect(await errorOf(await complete(minute.secret))).toEqual({ status: 429, code: 'rate_limit_exceeded' })

    const month = await create('month', { tokensPerMonth: 20 })
    const stream = await complete(month.secret, { max_tokens: 500, temperature: 0, stream: true })
    const text = await stream.text()
    expect(text).toContain('"code":"insufficient_quota"')
    expect(text).not.toContain('[DONE]')
    expect(await errorOf(await complete(month.secret))).toEqual({ status: 429, code: 'insufficient_quota' })
  })
})

describe('the admin API', () => {
  test('makes, lists, rotates and revokes keys, for admins only', async () => {
    const { call, create, complete } = await start()
    const { secret: admin } = await create('admin', { admin: true })
    const made = await call('POST', '/admin/keys', admin, {
      name: 'office',
      models: ['nano'],
      requests_per_minute: 60,
      expires_at: '2099-01-01T00:00:00Z',
    })
    expect(made.status).toBe(201)
    const { secret, ...key } = (await made.json()) as { secret: string; id: string; prefix: string }
    expect(key).toMatchObject({ name: 'office', admin: false, requests_per_minute: 60, tokens_per_month: null })
    expect((await complete(secret)).status).toBe(200)

    const list = await (await call('GET', '/admin/keys', admin)).text()
    expect(JSON.parse(list).data).toMatchObject([{ name: 'admin' }, key])
    expect(list).not.toContain(secret)

    const rotated = (await (await call('POST', `/admin/keys/${key.id}/rotate`, admin)).json()) as { secret: string }
    expect((await complete(secret)).status).toBe(401)
    expect((await complete(rotated.secret)).status).toBe(200)
    expect((await call('DELETE', `/admin/keys/${key.id}`, admin)).status).toBe(200)
    expect(await errorOf(await complete(rotated.secret))).toEqual({ status: 401, code: 'revoked_api_key' })

    const usage = await (await call('GET', '/admin/usage', admin)).json()
    expect(usage).toMatchObject({ data: [{ key: key.id, name: 'office', requests: 2, completion_tokens: 2 }] })
    const csv = await call('GET', '/admin/usage?format=csv&from=2020-01-01', admin)
    expect(csv.headers.get('Content-Type')).toContain('text/csv')
    expect(await csv.text()).toContain('office,nano,2,')
  })

  test('refuses others, and says what is wrong', async () => {
    const { call, create } = await start()
    const { secret } = await create('office')
    for (const path of ['/admin/keys', '/admin/usage', '/admin/keys/x/rotate']) {
      expect(await errorOf(await call('GET', path, secret))).toEqual({ status: 403, code: 'admin_required' })
    }
    const { secret: admin } = await create('admin', { admin: true })
    const post = async (body: object) => errorOf(await call('POST', '/admin/keys', admin, body))
    expect(await post({})).toEqual({ status: 400, code: 'missing_required_parameter' })
    expect(await post({ name: 'x', tokens_per_month: 0 })).toEqual({ status: 400, code: 'invalid_value' })
    expect(await post({ name: 'x', expires_at: 'soon' })).toEqual({ status: 400, code: 'invalid_value' })
    expect(await post({ name: 'office' })).toEqual({ status: 409, code: 'key_exists' })
    expect(await errorOf(await call('DELETE', '/admin/keys/nobody', admin))).toEqual({
      status: 404,
      code: 'key_missing',
    })
    expect((await call('GET', '/admin/usage?from=yesterday', admin)).status).toBe(400)
    expect((await call('GET', '/admin/nowhere', admin)).status).toBe(404)
  })
})

test('when the database fails, requests are refused, and served again afterwards', async () => {
  const real = await testDatabase()
  const lines: string[] = []
  const { complete } = await start({ database: real, log: line => lines.push(line) })
  const pages = (n: number) => real.transaction(query => query(`PRAGMA max_page_count = ${n}`))
  await pages(1) // no more than there are
  await fillUp(real)
  expect(await errorOf(await complete())).toEqual({ status: 503, code: 'store_unavailable' })
  expect(lines.map(line => JSON.parse(line).msg)).toContainEqual(expect.stringContaining('disk is full'))
  await pages(100_000)
  expect((await complete()).status).toBe(200)
  expect(await usageReport(real)).toMatchObject([
    { key: 'filler' },
    { key: 'local', requests: 1, completion_tokens: 1 },
  ])
})

/** Uses what room the table of usage still has. */
async function fillUp(database: Database) {
  for (let i = 0; ; i++) {
    const row = () =>
      database.transaction(query =>
        query("INSERT INTO usage VALUES ($1, 'filler', 'nano', '2020-01-01', 0, 0, 0)", `${i}`),
      )
    if (!(await row().then(Boolean, () => false))) return
  }
}

describe('the log', () => {
  test('has a line for each request with its id, key and tokens, and nothing that people wrote', async () => {
    const lines: string[] = []
    const { complete, create } = await start({ log: line => lines.push(line), logLevel: 'info' })
    const { key, secret } = await create('office')
    const response = await complete(secret, { prompt: '비밀스러운 바다' })
    await response.text()
    const line = await untilSome(() => lines.find(text => text.includes('/v1/completions')))
    expect(JSON.parse(line)).toMatchObject({
      request: response.headers.get('X-Request-Id'),
      key: key.id,
      status: 200,
      completionTokens: 1,
    })
    expect(lines.join()).not.toContain('바다')
    expect(lines.join()).not.toContain(secret)
  })

  test('has it where it is asked for', async () => {
    const lines: string[] = []
    const { complete } = await start({ log: line => lines.push(line), logLevel: 'debug' })
    await (await complete()).text()
    expect(lines.join()).toContain('바다')
  })
})

async function untilSome<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
