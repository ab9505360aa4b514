import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { modu } from '../testing.ts'

test('modu deploy explains the published layout and writes nothing without --out', async () => {
  const { status, stdout } = await modu(['deploy', 'k1', '--nodes', '4', '--tensor', '32'])
  expect(status).toBe(0)
  expect(stdout).toMatch(/^동시 대화 +4 +131,072 토큰을 꽉 채울 때$/m)
  expect(stdout).toMatch(/^− 가중치 +32\.0 GiB/m)
  expect(stdout).toMatch('--out')
  expect(stdout).not.toMatch('kubectl')
})

test('modu deploy writes the files and says which', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modu-deploy-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const { status, stdout } = await modu(['deploy', 'k1', '--on', 'slurm', '--out', folder, '--json', '--lang', 'en'])
  expect(status).toBe(0)
  const { platform, plan, files } = JSON.parse(stdout)
  expect({ platform, nodes: plan.nodes }).toEqual({ platform: 'slurm', nodes: 3 })
  expect(files.toSorted()).toEqual(
    readdirSync(folder)
      .map(name => join(folder, name))
      .toSorted(),
  )
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toMatch('sbatch k1.sbatch')
})

test('modu deploy refuses what does not fit, and says what does', async () => {
  const { status, stderr } = await modu(['deploy', 'k1', '--nodes', '1'])
  expect(status).toBe(1)
  expect(stderr).toMatch('메모리가 부족합니다')
  expect(stderr).toMatch('--nodes 3')
})

test('modu deploy knows k1 alone', async () => {
  const { status, stderr } = await modu(['deploy', 'k2'])
  expect(status).toBe(2)
  expect(stderr).toMatch('k1만 배포할 수 있습니다: k2')
})
