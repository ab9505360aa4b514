import { expect, test } from 'vitest'
import { idle, load, post, startVictim } from './victim.ts'

/* JSON schemas that are small to send and vast to keep. */

const chain = <T>(length: number, first: T, next: (inner: T, i: number) => T): T =>
  Array.from({ length }, (_, i) => i).reduce(next, first)
const laughs = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [
    `l${i}`,
    i === 0
      ? { type: 'string' }
      : {
          type: 'object',
          properties: Object.fromEntries(
            Array.from({ length: 10 }, (_, j) => [`p${j}`, { $ref: `#/$defs/l${i - 1}` }]),
          ),
        },
  ]),
)
const choice = { anyOf: Array.from({ length: 10 }, (_, i) => ({ type: 'object', properties: { [`a${i}`]: {} } })) }

const bombs: Record<string, object> = {
  itself: { $ref: '#' },
  'itself in a circle': { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
  'itself in an array': { type: 'array', items: { $ref: '#' } },
  'a schema elsewhere': { $ref: 'http://127.0.0.1:9/schema.json' },
  'a billion laughs': { $ref: '#/$defs/l11', $defs: laughs },
  'arrays in arrays': chain<object>(45, { type: 'string' }, items => ({ type: 'array', items })),
  'choices of choices': chain<object>(12, { type: 'null' }, inner => ({
    anyOf: [inner, { type: 'array', items: inner }],
  })),
  'choices, all of them': { allOf: Array.from({ length: 50 }, () => choice) },
  'many values': { enum: Array.from({ length: 100_000 }, (_, i) => `value ${i}`) },
  'many properties': {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [i, {}])),
  },
  'a billion items': { type: 'array', items: { type: 'string' }, minItems: 1e9, maxItems: 2e9 },
  'a text of a petabyte': { type: 'string', minLength: 1e15 },
  'counted counts': { type: 'string', pattern: '^((a{1000}){1000}){1000}$' },
  'a pattern that backtracks': { type: 'string', pattern: '^(a+)+(a|a?)*$' },
  'a pattern of brackets': { type: 'string', pattern: '('.repeat(5000) + ')'.repeat(5000) },
  'a long pattern': { type: 'string', pattern: 'a?'.repeat(50_000) },
  'numbers at the edge': { type: 'number', minimum: -1e308, maximum: 1e308, multipleOf: 5e-324 },
}

test('schemas that would take all time or memory are refused or kept, and nobody else notices', async () => {
  const { url, log } = await startVictim({ says: '네.' })
  // A connection that was kept may be closed just when it is used again.
  const send = (body: object) =>
    post(url, '/v1/chat/completions', body).catch(() => post(url, '/v1/chat/completions', body))
  const chat = { model: 'said', messages: [{ role: 'user', content: '안녕?' }], max_tokens: 4 }
  for (const [name, schema] of Object.entries(bombs)) {
    const response_format = { type: 'json_schema', json_schema: { name: 'bomb', schema, strict: true } }
    const { status } = await send({ ...chat, response_format })
    expect([name, [200, 400].includes(status), status]).toEqual([name, true, status])
    const tools = [{ type: 'function', function: { name: 'bomb', parameters: schema } }]
    const called = await send({ ...chat, tools, tool_choice: 'required' })
    expect([name, [200, 400].includes(called.status), called.status]).toEqual([name, true, called.status])
  }
  expect((await send(chat)).status).toBe(200)
  // The seat is left in another thread, a moment after the answer.
  await expect.poll(() => load(url)).toEqual(idle)
  expect(log()).toBe('')
})
