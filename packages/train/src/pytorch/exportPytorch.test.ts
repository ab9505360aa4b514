import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MicroBatch } from '@modu/data'
import { createCpuDevice, createReferenceDevice } from '@modu/engine'
import { loadModel, readSafetensors } from '@modu/model'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readMetrics } from '../metrics.ts'
import { prepareData } from '../prepare.ts'
import { loadRecipe } from '../recipe.ts'
import { openRunFolder } from '../runFolder.ts'
import { testRecipe } from '../testRecipe.ts'
import { train } from '../train.ts'
import { finetuneData, pretrainData, type TrainingData } from '../trainingData.ts'
import { exportPytorch } from './exportPytorch.ts'

const root = mkdtempSync(join(tmpdir(), 'modu-pytorch-'))
const path = (...names: string[]) => join(root, ...names)
const inFolder = (...names: string[]) => path('run', 'pytorch', ...names)
const recipe = {
  ...testRecipe,
  pretrain: { ...testRecipe.pretrain, laterMixtures: [{ fromStep: 3, mixture: { chats: 1 } }], balanceWeight: 0.01 },
}
const device = createReferenceDevice()
const writeRecipe = (name: string, value: object) => writeFileSync(path(name), JSON.stringify(value))

beforeAll(async () => {
  const jsonl = (records: readonly object[]) => records.map(record => `${JSON.stringify(record)}\n`).join('')
  const numbers = Array.from({ length: 60 }, (_, i) => i)
  const texts = numbers.map(i => ({
    text: `옛날에 토끼 ${i}마리가 숲 ${i * 7}번지에 모여 살았어요. ${'깡충 '.repeat(i % 9)}`,
  }))
  const chats = numbers.map(i => ({
    id: `c-${i}`,
    messages: [
      { role: 'user', content: `${i} 다음은?` },
      { role: 'assistant', content: `${i + 1}입니다.`, ...(i % 3 === 0 && { reasoning_content: `${i} 더하기 1` }) },
    ],
  }))
  writeFileSync(path('a.jsonl'), jsonl(texts))
  writeFileSync(path('c.jsonl'), jsonl(chats))
  writeRecipe('recipe.json', recipe)
  await exportPytorch(path('recipe.json'), { device, runFolder: path('run') })
})
afterAll(() => rmSync(root, { recursive: true }))

const uint32s = (file: string) => new Uint32Array(new Uint8Array(readFileSync(inFolder('data', file))).buffer)
const json = (file: string) => JSON.parse(readFileSync(inFolder(file), 'utf8'))

/** Ids and labels of segments of the stream, as train.py takes them. */
function read(segments: Uint32Array, everyToken: boolean): { ids: number[]; labels: number[] }[] {
  const tokens = new Uint16Array(new Uint8Array(readFileSync(inFolder('data', 'tokens.bin'))).buffer)
  const counted = readFileSync(inFolder('data', 'counted.bin'))
  return Array.from({ length: segments.length / 2 }, (_, s) => {
    const [from, to] = segments.subarray(2 * s, 2 * s + 2) as unknown as [number, number]
    const ids = [...tokens.subarray(from, to)]
    return { ids, labels: ids.map((id, t) => (t > 0 && (everyToken || counted[from + t]) ? id : -100)) }
  })
}

const sequences = (batches: readonly MicroBatch[]) =>
  batches.flatMap(({ ids, labels, starts }) =>
    Array.from({ length: starts.length - 1 }, (_, s) => ({
      ids: [...ids.subarray(starts[s], starts[s + 1])],
      labels: [...labels.subarray(starts[s], starts[s + 1])],
    })),
  )

describe('the folder', () => {
  test('is complete: configuration, weights, tokenizer, data, scripts', () => {
    const files = [
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'chat_template.jinja',
      'run.json',
      'recipe.json',
    ]
    const scripts = ['train.py', 'ray_train.py', 'requirements.txt', 'README.md']
    for (const file of [...files, ...scripts]) expect(existsSync(inFolder(file)), file).toBe(true)
    expect(loadModel(inFolder(), device).config.vocabSize).toBe(340)
    for (const file of json('run.json').modelFiles) expect(existsSync(inFolder(file)), file).toBe(true)
  })

  test('plans the micro-batches of the native engine, in every step and for validation', async () => {
    const loaded = loadRecipe(path('recipe.json')).recipe
    const folder = openRunFolder(path('run'), loaded)
    const { corpus } = await prepareData(loaded, folder, { dataDirectory: root, recipeFolder: root }, () => {})
    folder.release()
    const native: Record<string, TrainingData> = {
      pretrain: pretrainData(corpus, loaded.pretrain!, loaded.seed),
      finetune: finetuneData(corpus, loaded.finetune!, loaded.seed),
    }
    const { stages } = json('run.json')
    expect(stages.map((stage: { name: string }) => stage.name)).toEqual(['pretrain', 'finetune'])
    for (const { name, steps, everyToken, heldOut } of stages) {
      const segments = uint32s(`${name}.segments.bin`)
      const ends = uint32s(`${name}.steps.bin`)
      for (let step = 0; step < steps; step++) {
        const planned = read(segments.subarray(2 * ends[step]!, 2 * ends[step + 1]!), everyToken)
        expect(planned, `${name} ${step}`).toEqual(sequences(native[name]!.next()))
      }
      const batches = native[name]!.heldOut(loaded.validation.tokensPerSource)
      expect(Object.keys(heldOut)).toEqual(Object.keys(batches))
      for (const [source, [begin, end]] of Object.entries<[number, number]>(heldOut)) {
        expect(read(segments.subarray(2 * begin, 2 * end), everyToken)).toEqual(sequences(batches[source]!))
      }
    }
  })

  test('is refused where the script would train something else', async () => {
    writeRecipe('mtp.json', { ...recipe, pretrain: { ...recipe.pretrain, mtpWeight: 0.1 } })
    await expect(exportPytorch(path('mtp.json'), { device, runFolder: path('other') })).rejects.toThrow(
      'take "pretrain.mtpWeight" out of the recipe',
    )
  })
})

const python = process.env.MODU_PYTHON
/** transformers shares a model between processes only where accelerate is installed. */
const accelerated = python !== undefined && spawnSync(python, ['-c', 'import accelerate']).status === 0

describe.skipIf(!python)('train.py', () => {
  const env = { ...process.env, OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' }
  const run = (...args: string[]) => execFileSync(python!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }).toString()
  const losses = (file: string) =>
    readMetrics(file).flatMap(line => (line.kind === 'step' ? [{ stage: line.stage, loss: line.loss }] : []))

  test('learns as the native engine does, step by step; its model gives the same logits here', {
    timeout: 300_000,
  }, async () => {
    await train(path('recipe.json'), { device, runFolder: path('run') })
    run(inFolder('train.py'))
    const native = losses(path('run', 'metrics.jsonl'))
    losses(inFolder('metrics.jsonl')).forEach(({ loss }, step) => {
      expect(Math.abs(loss - native[step]!.loss), `step ${step + 1}`).toBeLessThan(1e-3)
    })

    const ids = [1, 300, 310, 5]
    const script = `
import sys, torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
save_file({"logits": model(torch.tensor([${JSON.stringify(ids)}])).logits[0, -1].detach()}, sys.argv[2])`
    run('-c', script, inFolder('model'), path('logits.safetensors'))
    const model = loadModel(inFolder('model'), device)
    const logits = model.step(ids, model.createCache(8))
    const expected = readSafetensors(path('logits.safetensors')).get('logits')!.data
    for (let i = 0; i < logits.length; i++) expect(logits[i]).toBeCloseTo(expected[i]!, 4)
  })

  test.skipIf(!accelerated)(
    'learns the same in two processes that share weights, or experts too',
    { timeout: 600_000 },
    () => {
      run(inFolder('train.py'), '--out', path('one'))
      const one = losses(path('one', 'metrics.jsonl'))
      for (const experts of ['1', '2']) {
        const launch = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2', inFolder('train.py')]
        run(...launch, '--out', path(experts), '--expert-parallel', experts)
        losses(path(experts, 'metrics.jsonl')).forEach(({ loss }, step) => {
          expect(Math.abs(loss - one[step]!.loss), `step ${step + 1}`).toBeLessThan(1e-3)
        })
        expect(loadModel(path(experts, 'model'), device).config.vocabSize).toBe(340)
      }
    },
  )

  test('reaches the native loss of the tiny recipe within 2%, in both stages', { timeout: 1_800_000 }, async () => {
    const tiny = join(import.meta.dirname, '../../../../recipes/tiny.json')
    const cpu = createCpuDevice({ threads: 2 })
    await exportPytorch(tiny, { device: cpu, runFolder: path('tiny') })
    await train(tiny, { device: cpu, runFolder: path('tiny') })
    await cpu.close()
    run(path('tiny', 'pytorch', 'train.py'))
    const mean = (file: string, stage: string) => {
      const last = losses(file)
        .filter(step => step.stage === stage)
        .slice(-50)
      return last.reduce((sum, { loss }) => sum + loss, 0) / last.length
    }
    for (const stage of ['pretrain', 'finetune']) {
      const native = mean(path('tiny', 'metrics.jsonl'), stage)
      const there = mean(path('tiny', 'pytorch', 'metrics.jsonl'), stage)
      expect(Math.abs(there / native - 1), stage).toBeLessThan(0.02)
    }
  })
})
