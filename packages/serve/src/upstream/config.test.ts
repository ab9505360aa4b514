import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseGatewayConfig, readGatewayConfig } from './config.ts'

const vllm = { baseUrl: 'http://vllm-0:8000/v1', models: { k1: 'skt/A.X-K1' } }

test('what is left out has its default', () => {
  const { upstreams, retries } = parseGatewayConfig({ upstreams: { a: vllm } })
  expect(retries).toBe(2)
  expect(upstreams.a).toMatchObject({
    ...vllm,
    weight: 1,
    timeouts: { connect: 5, firstByte: 120, idle: 60, whole: 600 },
    health: { path: '/health', every: 5, timeout: 2 },
    circuit: { failures: 3 },
  })
})

test('the documented example is in order', () => {
  const example = fileURLToPath(new URL('../../../../docs/modu.example.json', import.meta.url))
  expect(Object.keys(readGatewayConfig(example).upstreams).length).toBeGreaterThan(1)
})

describe('what is wrong is named', () => {
  const parse = (value: unknown) => () => parseGatewayConfig(value, 'my.json')
  const withField = (fields: object) => parse({ upstreams: { a: { ...vllm, ...fields } } })

  test('unknown fields, with the nearest right one', () => {
    expect(parse({ upstream: { a: vllm } })).toThrow('unknown field "upstream" (did you mean "upstreams"?)')
    expect(withField({ baseURL: 'x' })).toThrow('"upstreams.a": unknown field "baseURL" (did you mean "baseUrl"?)')
    expect(withField({ timeouts: { firstbyte: 3 } })).toThrow(
      'my.json: "upstreams.a.timeouts": unknown field "firstbyte" (did you mean "firstByte"?). See docs/clusters.md',
    )
    expect(withField({ health: { url: 3 } })).toThrow('unknown field "url" (there are path, every, timeout)')
  })

  test('values', () => {
    expect(parse({})).toThrow('"upstreams"')
    expect(parse({ upstreams: {} })).toThrow('"upstreams": must name at least one server')
    expect(parse({ upstreams: { 'a b': vllm } })).toThrow('letters, digits')
    expect(withField({ baseUrl: 'vllm-0:8000' })).toThrow('"upstreams.a.baseUrl": must be an address such as')
    expect(withField({ baseUrl: 'http://me:secret@vllm-0/v1' })).toThrow('use "apiKeyEnv"')
    expect(withField({ models: {} })).toThrow('"upstreams.a.models": must name at least one model')
    expect(withField({ weight: 0 })).toThrow('"upstreams.a.weight": must be above 0')
    expect(withField({ timeouts: { idle: 0 } })).toThrow('"upstreams.a.timeouts.idle": must be above 0 seconds')
    expect(withField({ health: { path: 'health' } })).toThrow('must begin with /')
  })

  test('files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modu-config-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'modu.json')
    expect(() => readGatewayConfig(path)).toThrow(`There is no file ${path}`)
    writeFileSync(path, '{"upstreams": ')
    expect(() => readGatewayConfig(path)).toThrow(`${path} is not valid JSON`)
  })
})
