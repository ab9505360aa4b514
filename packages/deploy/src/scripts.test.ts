import { spawnSync } from 'node:child_process'
import { parseGatewayConfig } from '@modu/serve'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { engines } from './memory.ts'
import { rayFiles } from './ray.ts'
import { slurmFiles } from './slurm.ts'
import { testPlan } from './testPlan.ts'

const bash = (script: string, ...options: string[]) =>
  spawnSync('bash', options, { input: script, encoding: 'utf8', env: { PATH: process.env.PATH } })

describe.each(engines)('%s', engine => {
  test.each(['h100', 'mi300x'])('on %s: scripts parse, the configuration of the gateway is in order', gpu => {
    const plan = testPlan(gpu, { engine })
    for (const files of [slurmFiles(plan), rayFiles(plan)]) {
      for (const [name, text] of Object.entries(files)) {
        if (text.startsWith('#!/bin/bash')) expect(`${name}: ${bash(text, '-n').stderr}`).toBe(`${name}: `)
      }
      expect(parseGatewayConfig(JSON.parse(files['modu.json']!)).upstreams['k1-0']!.baseUrl).toBe(
        'http://127.0.0.1:8000/v1',
      )
    }
  })
})

/** What engine.sh would run on the node with this rank. */
function engineCommand(engine: 'vllm' | 'sglang', rank: number): string[] {
  const script = slurmFiles(testPlan('h100', { engine }))['engine.sh']!.replace('\nexec ', "\nprintf '%s\\n' ")
  const { stdout, stderr } = bash(`SLURM_PROCID=${rank} HEAD='first node' ENGINE_API_KEY='a b'\n${script}`)
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

test('engine.sh gives each node its place', () => {
  const first = engineCommand('vllm', 0)
  expect(first.slice(0, 3)).toEqual(['vllm', 'serve', '/models/A.X-K1'])
  expect(first).toEqual(expect.arrayContaining(['--nnodes=3', '--node-rank=0', '--master-addr=first node']))
  expect(first).not.toContain('--headless')
  expect(engineCommand('vllm', 2)).toEqual(expect.arrayContaining(['--node-rank=2', '--headless']))
  expect(engineCommand('sglang', 2)).toEqual(
    expect.arrayContaining(['--node-rank=2', '--dist-init-addr=first node:29501', '--api-key=a b']),
  )
})

test('the job of Slurm has the nodes of the plan', () => {
  const job = slurmFiles(testPlan('h100'))['k1.sbatch']!
  expect(job).toMatch(/^#SBATCH --nodes=3$/m)
  expect(job).toMatch(/^#SBATCH --gpus-per-node=8$/m)
  // Slurm stops reading options at the first command.
  expect(job.lastIndexOf('#SBATCH')).toBeLessThan(job.indexOf('set -euo'))
})

test('the job of Slurm says what is missing', () => {
  const { status, stderr } = bash(slurmFiles(testPlan('h100'))['k1.sbatch']!)
  expect(status).not.toBe(0)
  expect(stderr).toMatch('ENGINE_API_KEY: must be set')
})

test('the cluster of Ray has the nodes of the plan', () => {
  const cluster = parse(rayFiles(testPlan('h100'))['cluster.yaml']!)
  expect(cluster.provider.worker_ips).toHaveLength(2)
  expect(cluster).toMatchObject({ min_workers: 2, max_workers: 2, docker: { image: 'vllm/vllm-openai:v0.33.0' } })
  expect(cluster.docker.run_options).toContain('--gpus=all')
  expect(rayFiles(testPlan('mi300x'))['cluster.yaml']).toMatch('--device=/dev/kfd')
})

test('the program for Ray starts a process on each node', () => {
  const program = rayFiles(testPlan('h100'))['engine.py']!
  expect(program).toMatch(/^NODES = 3$/m)
  expect(program).toMatch('"--node-rank={rank}",')
  expect(program).toMatch('arguments.append("--headless")')
  expect(rayFiles(testPlan('h100', { engine: 'sglang' }))['engine.py']).not.toMatch('headless')
})

test.runIf(process.env.MODU_PYTHON)('the program for Ray is Python', () => {
  for (const engine of engines) {
    const input = rayFiles(testPlan('h100', { engine }))['engine.py']!
    const check = 'import ast, sys; ast.parse(sys.stdin.read())'
    expect(spawnSync(process.env.MODU_PYTHON!, ['-c', check], { input, encoding: 'utf8' }).stderr).toBe('')
  }
})
