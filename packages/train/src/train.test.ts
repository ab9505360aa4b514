import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCpuDevice, createReferenceDevice } from '@modu/engine'
import { loadModel, Tokenizer } from '@modu/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TrainEvent } from './events.ts'
import { readMetrics } from './metrics.ts'
import { testRecipe } from './testRecipe.ts'
import { type TrainOptions, train } from './train.ts'

let folder: string
const path = (...names: string[]) => join(folder, ...names)
const jsonl = (records: readonly object[]) => records.map(record => `${JSON.stringify(record)}\n`).join('')
const animals = ['토끼', '여우', '곰', '호랑이', '다람쥐', '거북이', '참새']
const places = ['숲', '강가', '언덕', '마을', '동굴', '바닷가']

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-train-'))
  const texts = animals.flatMap(a =>
    places.map(p => ({ text: `옛날에 ${a} 한 마리가 ${p}에 살았어요. 매일 ${p}에서 놀았답니다.` })),
  )
  const chats = animals.flatMap((a, i) =>
    places.map((p, k) => ({
      id: `c-${i}-${k}`,
      messages: [
        { role: 'user', content: `${a}는 어디에 살아?` },
        {
          role: 'assistant',
          content: `${p}에 살아요.`,
          ...(k === 0 && { reasoning_content: `${a}는 ${p}를 좋아한다.` }),
        },
      ],
    })),
  )
  writeFileSync(path('a.jsonl'), jsonl(texts))
  writeFileSync(path('c.jsonl'), jsonl(chats))
  writeFileSync(path('recipe.json'), JSON.stringify(testRecipe))
})
afterEach(() => rmSync(folder, { recursive: true }))

const run = (runFolder: string, options: Partial<TrainOptions> = {}) =>
  train(path('recipe.json'), { device: createReferenceDevice(), runFolder: path(runFolder), ...options })

/** Runs to the end in another process, or until step `killAt` is done: then it is killed as hard as can be. */
function runProcess(runFolder: string, killAt = Number.POSITIVE_INFINITY): Promise<number | null> {
  const script = join(import.meta.dirname, 'testRun.ts')
  const child = spawn(process.execPath, ['--no-warnings', script, path('recipe.json'), path(runFolder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.on('data', data => {
    if (
      String(data)
        .trim()
        .split('\n')
        .some(step => Number(step) >= killAt)
    )
      child.kill('SIGKILL')
  })
  return new Promise(resolve => child.on('close', resolve))
}

describe('a whole run', () => {
  test('leaves a model, metrics, a plot, samples and a data report', async () => {
    const events: TrainEvent[] = []
    const result = await run('r', { onProgress: event => events.push(event) })
    expect(result).toEqual({ runFolder: path('r'), model: path('r', 'model'), step: 11 })

    const files = [
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'chat_template.jinja',
      'generation_config.json',
      'loss.svg',
    ]
    for (const file of files) expect(existsSync(path('r', 'model', file)), file).toBe(true)
    const model = loadModel(path('r', 'model'), createReferenceDevice())
    expect(model.config.vocabSize).toBe(340)
    expect(Tokenizer.load(path('r', 'model')).decode(Tokenizer.load(path('r', 'model')).encode('여우야'))).toBe(
      '여우야',
    )

    const card = readFileSync(path('r', 'model', 'README.md'), 'utf8')
    expect(card).toMatch(/^---\nlicense: apache-2.0\n/)
    expect(card).toContain('npx modu train')
    expect(card).toMatch(/^사전 학습 384 토큰, 대화 학습 [\d,]+ 토큰\. /m)
    expect(card).toContain('| chats | `c.jsonl` | CC0-1.0 |')
    expect(card).toContain('| 자료 | 사전 학습 뒤 | 대화 학습 뒤 |')
    expect(card).toContain('![학습 곡선](loss.svg)')
    expect(card.match(/^\d+\. \*\*/gm)).toHaveLength(20)
    expect(card).toContain('1. **안녕!**')

    const prediction = events.find(event => event.kind === 'prediction')!.prediction
    expect(prediction.seconds).toBeGreaterThan(0)
    const metrics = readMetrics(path('r', 'metrics.jsonl'))
    const trained = metrics.reduce((sum, m) => sum + (m.kind === 'step' ? m.tokens : 0), 0)
    expect(prediction.tokens / trained).toBeCloseTo(1, 1)
    const steps = metrics.filter(m => m.kind === 'step')
    expect(steps.map(m => m.step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(steps.at(5)!.loss).toBeLessThan(steps[0]!.loss)
    const withLoads = steps.filter(m => m.loads)
    expect(withLoads.map(m => m.step)).toEqual([10])
    // One layer of experts, of which each token chooses two.
    expect(withLoads[0]!.loads!.map(load => load.reduce((a, b) => a + b, 0))).toEqual([2 * withLoads[0]!.tokens])
    expect(steps.every(m => m.routerEntropy! > 0 && m.routerEntropy! <= Math.log(4) && m.deadExperts! >= 0)).toBe(true)
    for (const m of metrics)
      if (m.kind === 'validation') expect(Object.values(m.bitsPerByte).every(b => b > 0)).toBe(true)
    expect(metrics.some(m => m.kind === 'validation' && 'chats' in m.bitsPerByte)).toBe(true)

    expect(readFileSync(path('r', 'loss.svg'), 'utf8')).toMatch(/^<svg/)
    expect(readFileSync(path('r', 'samples.jsonl'), 'utf8').trim().split('\n')).toHaveLength(4)
    expect(readdirSync(path('r', 'checkpoints'))).toEqual(['step-000009', 'step-000011'])
    expect(readdirSync(path('r')).sort()).toEqual([
      'checkpoints',
      'corpus',
      'loss.svg',
      'metrics.jsonl',
      'model',
      'recipe.json',
      'samples.jsonl',
      'shards',
      'tokenizer',
    ])
    expect(events.filter(e => e.kind === 'phase').map(e => e.phase)).toEqual([
      'clean',
      'tokenizer',
      'pack',
      'pretrain',
      'finetune',
      'export',
    ])
  })

  test('started again when finished, trains nothing and keeps the model', async () => {
    await run('r')
    const before = readFileSync(path('r', 'model', 'model.safetensors'))
    const events: TrainEvent[] = []
    await run('r', { onProgress: event => events.push(event) })
    expect(events.some(event => event.kind === 'step')).toBe(false)
    expect(readFileSync(path('r', 'model', 'model.safetensors'))).toEqual(before)
  })
})

describe('interrupted', () => {
  const checkpoint = (runFolder: string) =>
    readFileSync(path(runFolder, 'checkpoints', 'step-000011', 'state.safetensors'))
  const losses = (runFolder: string) =>
    readMetrics(path(runFolder, 'metrics.jsonl')).map(m =>
      m.kind === 'step' ? [m.step, m.loss, m.gradientNorm] : [m.step, m.bitsPerByte],
    )
  const samples = (runFolder: string) => readFileSync(path(runFolder, 'samples.jsonl'), 'utf8')

  test('killed and started again, it gets the same bits', { timeout: 240_000 }, async () => {
    expect(await runProcess('whole')).toBe(0)
    for (const killAt of [2, 5, 8]) expect(await runProcess('broken', killAt)).toBe(null)
    expect(await runProcess('broken')).toBe(0)
    expect(checkpoint('broken').equals(checkpoint('whole'))).toBe(true)
    const model = (runFolder: string) => readFileSync(path(runFolder, 'model', 'model.safetensors'))
    expect(model('broken').equals(model('whole'))).toBe(true)
    expect(losses('broken')).toEqual(losses('whole'))
    expect(samples('broken')).toBe(samples('whole'))
  })

  test('stopped by a signal, it saves the step it was in and goes on from there', async () => {
    await run('whole')
    const abort = new AbortController()
    const onProgress = (event: TrainEvent) => {
      if (event.kind === 'step' && event.metrics.step === 7) abort.abort()
    }
    const stopped = await run('broken', { signal: abort.signal, onProgress })
    expect(stopped).toMatchObject({ model: undefined, step: 7 })
    expect(readdirSync(path('broken', 'checkpoints'))).toContain('step-000007')
    expect(await run('broken')).toMatchObject({ step: 11 })
    expect(checkpoint('broken').equals(checkpoint('whole'))).toBe(true)
    expect(losses('broken')).toEqual(losses('whole'))
  })
})

describe('lengthened', () => {
  const recipe = (steps: number, change: object = {}) =>
    writeFileSync(
      path('recipe.json'),
      JSON.stringify({ ...testRecipe, pretrain: { ...testRecipe.pretrain, steps, decaySteps: 2, ...change } }),
    )
  const kept = (runFolder: string) => ({
    tensors: readFileSync(path(runFolder, 'checkpoints', 'step-000014', 'state.safetensors')).toString('base64'),
    model: readFileSync(path(runFolder, 'model', 'model.safetensors')).toString('base64'),
    samples: readFileSync(path(runFolder, 'samples.jsonl'), 'utf8'),
    metrics: readMetrics(path(runFolder, 'metrics.jsonl')).map(m =>
      m.kind === 'step' ? [m.step, m.loss, m.learningRate, m.gradientNorm] : [m.step, m.bitsPerByte],
    ),
  })

  test('a finished run goes on from before the decay, and becomes the longer run bit for bit', async () => {
    recipe(6)
    await run('r')
    expect(readdirSync(path('r', 'checkpoints'))).toEqual(['stable-000004', 'step-000009', 'step-000011'])
    const change = { laterMixtures: [{ fromStep: 5, mixture: { chats: 1 } }] }
    recipe(9, change)
    const events: TrainEvent[] = []
    await run('r', { onProgress: event => events.push(event) })
    expect(events.find(event => event.kind === 'resume')).toMatchObject({ step: 4 })
    await run('whole')
    expect(kept('r')).toEqual(kept('whole'))
    expect(readdirSync(path('r', 'checkpoints'))).toEqual(['stable-000007', 'step-000012', 'step-000014'])
  })

  test('a run before its decay goes on where it is; a shorter one, or one that changes more, is refused', async () => {
    recipe(6)
    const abort = new AbortController()
    await run('r', {
      signal: abort.signal,
      onProgress: event => {
        if (event.kind === 'step' && event.metrics.step === 2) abort.abort()
      },
    })
    recipe(5)
    await expect(run('r')).rejects.toThrow(/differs: pretrain\.steps: 6 → 5 \(it can become longer only/)
    recipe(9, { learningRate: 0.02 })
    await expect(run('r')).rejects.toThrow(/differs: pretrain\.learningRate: 0\.01 → 0\.02\. Put/)
    recipe(9)
    await run('r')
    await run('whole')
    expect(kept('r')).toEqual(kept('whole'))
  })
})

describe('a run that begins with a checkpoint', () => {
  const { tokenizer: _, model: __, ...rest } = testRecipe
  const finetune = { ...testRecipe.finetune, steps: 2 }
  const write = (recipe: object) => writeFileSync(path('recipe.json'), JSON.stringify(recipe))

  test('takes its weights, tokenizer and template, trains the stages from the given one on, and goes on', async () => {
    await run('first')
    const options = { from: path('first', 'model'), stage: 'finetune' as const }
    // Without a step of any size the model stays what it was.
    write({ ...rest, finetune: { ...finetune, learningRate: 1e-30, weightDecay: 0, biasRate: 0 } })
    const events: TrainEvent[] = []
    const abort = new AbortController()
    const onProgress = (event: TrainEvent) => {
      events.push(event)
      if (event.kind === 'step') abort.abort()
    }
    expect(await run('second', { ...options, onProgress, signal: abort.signal })).toMatchObject({ step: 1 })
    expect(await run('second', options)).toMatchObject({ step: 2, model: path('second', 'model') })
    expect(events.filter(e => e.kind === 'phase').map(e => e.phase)).toEqual(['clean', 'tokenizer', 'pack', 'finetune'])
    const file = (runFolder: string, name: string) => readFileSync(path(runFolder, 'model', name))
    for (const name of ['model.safetensors', 'tokenizer.json', 'chat_template.jinja']) {
      expect(file('second', name).equals(file('first', name)), name).toBe(true)
    }
    const card = readFileSync(path('second', 'model', 'README.md'), 'utf8')
    expect(card).toContain(`npx modu train ${path('recipe.json')} --from ${options.from} --stage finetune\n`)
    expect(card).toContain(`\`${options.from}\`의 모델(A.X K1 구조)을`)
    expect(card).toContain('| 자료 | 대화 학습 뒤 |\n| --- | --- |\n| chats |')
    await expect(run('second')).rejects.toThrow(/the recipe has no "tokenizer".*--from/)
  })

  test('with a recipe that names tokenizer and model, these must be the same', async () => {
    await run('first')
    const from = path('first', 'model')
    write({ ...testRecipe, pretrain: undefined, finetune })
    expect(await run('same', { from })).toMatchObject({ step: 2 })
    write({ ...testRecipe, finetune, model: { ...testRecipe.model, n_routed_experts: 8 } })
    await expect(run('a', { from, stage: 'finetune' })).rejects.toThrow(
      /another configuration than the recipe \(recipe → checkpoint\): n_routed_experts: 8 → 4\. Take "model" out/,
    )
    write({ ...testRecipe, finetune, tokenizer: { ...testRecipe.tokenizer, vocabSize: 350 } })
    await expect(run('b', { from, stage: 'finetune' })).rejects.toThrow(
      /does not belong to the recipe's tokenizer: it has 350 entries, the checkpoint's 340\. Take "tokenizer" out/,
    )
    write({ ...testRecipe, finetune, tokenizer: { ...testRecipe.tokenizer, sources: { texts: 300 } } })
    await expect(run('c', { from, stage: 'finetune' })).rejects.toThrow(/: entry \d+ is ".+", in the checkpoint's ".+"/)
  })

  test('is refused without one, with a stage that is not there, with a tokenizer of another model', async () => {
    await expect(run('a', { stage: 'finetune' })).rejects.toThrow(/to begin at the stage "finetune", give a checkpoint/)
    await expect(run('a', { stage: 'reinforce', from: 'x' })).rejects.toThrow(
      /has no stage "reinforce"; it has pretrain/,
    )
    await run('first')
    const from = path('first', 'model')
    const config = JSON.parse(readFileSync(join(from, 'config.json'), 'utf8'))
    writeFileSync(join(from, 'config.json'), JSON.stringify({ ...config, vocab_size: 300 }))
    write({ ...rest, pretrain: undefined })
    await expect(run('b', { from })).rejects.toThrow(/the tokenizer has 340 entries, but the model only 300/)
  })
})

describe('refuses', () => {
  test('a changed recipe or changed data in the same run folder', async () => {
    await run('r')
    writeFileSync(path('recipe.json'), JSON.stringify({ ...testRecipe, seed: 5 }))
    await expect(run('r')).rejects.toThrow(/a recipe that differs: seed: 1 → 5/)
    writeFileSync(path('recipe.json'), JSON.stringify(testRecipe))
    writeFileSync(
      path('a.jsonl'),
      `${readFileSync(path('a.jsonl'), 'utf8')}{"text":"새로 들어온 이야기가 하나 있어요."}\n`,
    )
    await expect(run('r')).rejects.toThrow(/the data has changed/)
  })

  test('a missing source, a model field that is unknown, rows that do not fit', async () => {
    await expect(run('r', { dataDirectory: path('none') })).rejects.toThrow(
      /source "texts": there is no file .*none\/a\.jsonl/,
    )
    const recipe = (change: object) => writeFileSync(path('recipe.json'), JSON.stringify({ ...testRecipe, ...change }))
    recipe({ model: { ...testRecipe.model, hidden_sise: 3 } })
    await expect(run('s')).rejects.toThrow(/unknown field "model.hidden_sise" \(did you mean "hidden_size"\?\)/)
    recipe({ finetune: { ...testRecipe.finetune, maxLength: 4096 } })
    await expect(run('t')).rejects.toThrow(/rows of 4096 tokens do not fit/)
  })

  test('numbers that leave the range, with the step, the tensor and the checkpoint that stays', async () => {
    const device = createCpuDevice({ threads: 1 })
    const recipe = (change: object) => writeFileSync(path('recipe.json'), JSON.stringify({ ...testRecipe, ...change }))
    try {
      const finetune = { ...testRecipe.finetune, learningRate: 1e39 }
      recipe({ finetune })
      await expect(run('r', { device })).rejects.toThrow(
        /diverged in step 8 \(finetune\): the loss is NaN, because the weight "model\.embed_tokens\.weight".*step 6 .*stays/,
      )
      recipe({ finetune, checkpointEverySteps: 1 })
      await expect(run('s', { device })).rejects.toThrow(
        /diverged in step 7 \(finetune\): "model\.embed_tokens\.weight" is not finite\. The checkpoint of step 6/,
      )
      expect(readdirSync(path('s', 'checkpoints'))).toEqual(['step-000005', 'step-000006'])
    } finally {
      await device.close()
    }
  })

  test('data that is empty or binary, with the file', async () => {
    writeFileSync(path('a.jsonl'), '')
    await expect(run('r')).rejects.toThrow(/a\.jsonl is empty: take it out/)
    writeFileSync(path('a.jsonl'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0xff, 0xfe, 0, 1, 2, 3]))
    await expect(run('r')).rejects.toThrow(/a\.jsonl.*binary/)
  })

  test('nothing because of a corrupt line: it is counted and named', async () => {
    writeFileSync(path('a.jsonl'), `{"text": broken\n${readFileSync(path('a.jsonl'), 'utf8')}`)
    const events: TrainEvent[] = []
    await run('r', { onProgress: event => events.push(event) })
    const report = events.find(event => event.kind === 'source' && event.name === 'texts')
    expect(report).toMatchObject({ report: { corrupt: 1, corruptLines: ['a.jsonl:1'], read: 43, kept: 42 } })
  })
})
