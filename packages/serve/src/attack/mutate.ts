import type { Random } from '@modu/model'

/* Requests that are nearly right: valid ones with a few things changed in their values, their text or their bytes. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** As it goes over the wire. */
export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

/** What has broken a server somewhere. */
const oddities: readonly Json[] = [
  ...[null, true, false, 0, -0, -1, 1, 0.5, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 53, 65_536, 17],
  ...['', ' ', '0', 'null', 'auto', 'required', 'none', 'user', 'assistant', 'tool', 'said', 'text', 'a\u0000b'],
  ...[
    '\ud800',
    '\u202e\ufeff',
    '<|end|>',
    '<tool_call>',
    '<think>',
    '../../etc/passwd',
    '%s%n',
    "'; DROP TABLE keys;--",
  ],
  ...['가'.repeat(3000), 'a'.repeat(3000), '{{messages}}', '__proto__', 'constructor', '(a+)+$', '\n'.repeat(1000)],
  ...[[], {}, [[]], [null], [{}], { type: 'text' }, { role: 'user' }, { __proto__: 1, constructor: {} } as never],
]

/** The valid request of the list that `random` picks, with one to four mutations. */
export function mutated(valid: readonly { path: string; body: Json }[], random: Random): RawRequest {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!
  const { path, body } = structuredClone(pick(valid))
  const values = { body }
  for (let i = 1 + random.integer(3); i > 0; i--) mutateValue(values)
  let bytes: Buffer = Buffer.from(JSON.stringify(values.body) ?? '')
  if (random.integer(4) === 0) bytes = mutateBytes(bytes)
  const isOdd = random.integer(20) === 0
  return {
    method: isOdd ? pick(['GET', 'PUT', 'DELETE', 'OPTIONS', 'POST']) : 'POST',
    path: isOdd ? pick([path, `${path}/`, `/${path}`, `${path}?a=%ff`, '/v1/models/%e0%a4', pick(valid).path]) : path,
    type: isOdd
      ? pick(['text/plain', 'application/json; charset=euc-kr', 'application/jsonp', ''])
      : 'application/json',
    body: bytes,
  }

  /** Changes one place somewhere in a value. */
  function mutateValue(root: { body: Json }): void {
    const places: { holder: Record<string, Json> | Json[]; key: string }[] = []
    const walk = (holder: Record<string, Json> | Json[]) => {
      for (const [key, value] of Object.entries(holder)) {
        places.push({ holder, key })
        if (typeof value === 'object' && value !== null) walk(value)
      }
    }
    walk(root)
    if (places.length === 0) return
    const { holder, key } = pick(places)
    const values = holder as Record<string, Json>
    switch (random.integer(7)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1)
        else delete values[key]
        break
      case 1:
        if (Array.isArray(holder)) holder.push(...Array.from({ length: 1 + random.integer(200) }, () => values[key]!))
        else values[`${key}s`] = values[key]!
        break
      case 2: {
        const other = pick(places)
        values[key] = structuredClone((other.holder as Record<string, Json>)[other.key]!)
        break
      }
      case 3:
        values[key] = [values[key]!]
        break
      case 4:
        values[key] = { [key]: values[key]! }
        break
      default:
        values[key] = structuredClone(pick(oddities))
    }
  }

  function mutateBytes(bytes: Buffer): Buffer {
    const at = random.integer(bytes.length + 1)
    const end = at + random.integer(Math.min(20, bytes.length - at + 1))
    const changes = [
      () => bytes.subarray(0, at),
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]),
      () => Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.of(random.integer(256)), bytes.subarray(at)]),
      () => bytes.map((byte, i) => (i === at ? byte ^ (1 << random.integer(8)) : byte)),
    ]
    return Buffer.from(pick(changes)())
  }
}
