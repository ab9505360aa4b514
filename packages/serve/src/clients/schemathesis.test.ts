import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../serve.ts'
import { startServer } from './testServer.ts'

/*
 * Schemathesis: thousands of requests made of the OpenAPI document, good and bad ones. It needs MODU_SCHEMATHESIS, or else
 * MODU_PYTHON, to name an interpreter that has it.
 */

const python = process.env.MODU_SCHEMATHESIS ?? process.env.MODU_PYTHON
const hasSchemathesis = !!python && spawnSync(python, ['-c', 'import schemathesis']).status === 0

const folder = mkdtempSync(join(tmpdir(), 'modu-schemathesis-'))
let server: RunningServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

interface Document {
  paths: Record<string, { post?: { requestBody?: { content: Record<string, { schema: { properties: object } }> } } }>
}

test.skipIf(!hasSchemathesis)(
  'no request breaks the server, and what it answers is as documented',
  async () => {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document
    // A model that is not there would end every request early; one that talks noise would take its time.
    for (const { post } of Object.values(document.paths)) {
      const schema = post?.requestBody?.content['application/json']?.schema
      if (schema && 'model' in schema.properties) schema.properties.model = { const: 'polite' }
    }
    const file = join(folder, 'openapi.json')
    writeFileSync(file, JSON.stringify(document))
    const checks = 'not_a_server_error,content_type_conformance,response_schema_conformance'
    const settings = [
      '--phases',
      'examples,coverage,fuzzing',
      '--max-examples',
      '10',
      '--no-shrink',
      '--seed',
      '1',
      '--request-timeout',
      '120',
    ]
    const { code = 0, stdout } = await promisify(execFile)(
      python!,
      ['-m', 'schemathesis.cli', 'run', file, '--url', server.url, '--checks', checks, '--no-color', ...settings],
      { cwd: folder, maxBuffer: 64 * 1024 * 1024 },
    ).catch(error => error)
    expect({ code, stdout }).toMatchObject({ code: 0 })
  },
  600_000,
)
