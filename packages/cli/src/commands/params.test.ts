import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixtures, modu } from '../testing.ts'

const published = join(fixtures, 'configs/a.x-k1.json')

describe('modu params', () => {
  test('gives the official totals of A.X K1 as JSON', async () => {
    const { status, stdout } = await modu(['params', published, '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      total: 518_983_052_288,
      active: 32_779_332_608,
      activeWithoutInputEmbedding: 31_604_927_488,
      bytes: { bf16: 1_037_966_104_576, int8: 518_983_052_288, int4: 259_491_526_144 },
      // 61 layers of a latent (512) and a rotary key (64), 2 bytes each.
      cacheBytesPerToken: 61 * (512 + 64) * 2,
    })
  })

  test('prints a table for people, in Korean or English', async () => {
    const korean = await modu(['params', published])
    expect(korean.stdout).toMatch(/^합계 +518,983,052,288 +32,779,332,608$/m)
    expect(korean.stdout).toMatch('bf16 1.04 TB, int8 519 GB, int4 259 GB')
    expect(korean.stdout).toMatch('70,272 바이트')
    const english = await modu(['params', published, '--lang', 'en'])
    expect(english.stdout).toMatch(/^routed experts +507,343,011,840 +21,139,292,160$/m)
  })

  test('takes a checkpoint folder', async () => {
    const { stdout } = await modu(['params', join(fixtures, 'llama')])
    expect(stdout).toMatch(/^llama$/m)
  })

  test('names a path that does not exist', async () => {
    const { status, stdout, stderr } = await modu(['params', 'no/such/folder'])
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch('no/such/folder')
    expect(stderr).toMatch('찾을 수 없습니다')
  })
})
