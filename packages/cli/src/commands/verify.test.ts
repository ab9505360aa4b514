import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixtures, modu } from '../testing.ts'

const folder = join(fixtures, 'llama')

describe('modu verify', () => {
  test.each(['reference', 'cpu'])('ends with 0 when all agrees on %s', async device => {
    const { status, stdout } = await modu(['verify', folder, '--device', device])
    expect(stdout).toMatch(/^✓ greedy\.tokens /m)
    expect(stdout).toMatch(/^✓ case\d+\.logits /m)
    expect(stdout).not.toMatch('✗')
    expect(stdout).toMatch(/^(\d+)개 중 \1개가 일치합니다\.$/m)
    expect(status).toBe(0)
  })

  test('ends with 1 when something is further off than allowed, and says what', async () => {
    const { status, stdout } = await modu(['verify', folder, '--tolerance', '1e-12', '--json'])
    expect(status).toBe(1)
    const { ok, device, comparisons } = JSON.parse(stdout)
    expect({ ok, device }).toEqual({ ok: false, device: 'cpu' })
    expect(comparisons).toContainEqual(expect.objectContaining({ name: 'greedy.tokens', ok: true, error: 0 }))
    expect(comparisons).toContainEqual(expect.objectContaining({ name: expect.stringMatching('logits'), ok: false }))
  })

  test('takes configuration, weights and golden outputs from different folders', async () => {
    const [config, rest] = [join(fixtures, 'k1-yarn-legacy-config'), join(fixtures, 'k1-yarn')]
    const { status, stdout } = await modu(['verify', config, rest, '--weights', rest, '--json'])
    expect(JSON.parse(stdout).ok).toBe(true)
    expect(status).toBe(0)
  })

  test('names a folder that does not exist', async () => {
    const { status, stderr } = await modu(['verify', 'no/such/folder'])
    expect(status).toBe(1)
    expect(stderr).toMatch('no/such/folder')
  })
})
