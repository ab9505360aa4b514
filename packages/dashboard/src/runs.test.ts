import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findRuns, Runs } from './runs.ts'
import { stepLine, TestRun } from './testRun.ts'
import { TrainingRun } from './trainingRun.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-runs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** No process has this number. */
const nobody = 2 ** 22 + 1

describe('a run', () => {
  test('tells how far it is and how it goes', () => {
    const test = new TestRun(join(folder, 'one'))
    const run = new TrainingRun(test.folder)
    run.read()
    expect(run.summary).toMatchObject({ name: 'one', state: 'stopped', step: 0, totalSteps: 10, stage: undefined })
    test.lock(process.pid)
    test.append(stepLine(1, { loss: 4 }), stepLine(2, { loss: 3 }))
    run.read()
    expect(run.summary).toMatchObject({
      state: 'running',
      stage: 'pretrain',
      step: 2,
      loss: 3.5,
      tokensPerSecond: 200,
      secondsLeft: 4,
    })
    test.lock(nobody)
    expect(run.summary).toMatchObject({ state: 'stopped', secondsLeft: undefined })
    test.append(...[3, 4, 5, 6, 7, 8, 9, 10].map(step => stepLine(step)))
    test.finish()
    run.read()
    expect(run.summary).toMatchObject({ state: 'finished', step: 10 })
  })

  test('keeps every number of its metrics, whatever stage it is of', () => {
    const test = new TestRun(folder)
    test.append(
      stepLine(1),
      { kind: 'validation', stage: 'pretrain', step: 1, bitsPerByte: { stories: 2.5, '나.라': 3 } },
      stepLine(2, {
        stage: 'reinforce',
        loss: 0.1,
        measures: { reward: 0.25, 'reward word': 0.5 },
        note: 'text',
        loads: [[1, 3]],
        grouped: { a: 1 },
      }),
    )
    const run = new TrainingRun(folder)
    run.read()
    const told = Object.fromEntries([...run.series].map(([name, series]) => [name, series.since(0)]))
    expect(told['bitsPerByte.stories']).toEqual({ step: [1], mean: [2.5] })
    expect(told['bitsPerByte.나.라']).toEqual({ step: [1], mean: [3] })
    expect(told.reward).toEqual({ step: [2], mean: [0.25] })
    expect(told['reward word']).toEqual({ step: [2], mean: [0.5] })
    expect(told.policyLoss).toEqual({ step: [2], mean: [0.1] })
    expect(told['grouped.a']).toEqual({ step: [2], mean: [1] })
    expect(told.loss).toEqual({ step: [1], mean: [8] })
    expect(Object.keys(told)).not.toContain('note')
    expect(run.progress).toEqual({ step: [1, 2], tokens: [100, 200], seconds: [0.5, 1] })
    expect(run.stages).toEqual([
      { stage: 'pretrain', step: 1 },
      { stage: 'reinforce', step: 2 },
    ])
    expect(run.loads.map()).toMatchObject({ layers: 1, experts: 2, loads: [[0.5, 1.5]] })
  })

  test('passes over what is no JSON object with a step', () => {
    const test = new TestRun(folder)
    test.append(stepLine(1))
    appendFileSync(test.metrics, '{"kind":"step","step":2,"lo\nnull\n[]\n7\n{"kind":"step"}\n')
    test.append(stepLine(2))
    const run = new TrainingRun(folder)
    run.read()
    expect(run.progress.step).toEqual([1, 2])
  })

  test('resumed from an earlier step it forgets what no longer holds', () => {
    const test = new TestRun(folder)
    test.append(stepLine(1), stepLine(2), stepLine(3))
    test.appendSamples({ stage: 'pretrain', step: 3, prompt: '옛날에', answer: '곰이' })
    const run = new TrainingRun(folder)
    run.read()
    expect(run.samples).toHaveLength(1)
    test.rewind(stepLine(1), stepLine(2, { loss: 1 }))
    run.read()
    expect(run.generation).toBe(1)
    expect(run.series.get('loss')!.since(0)).toEqual({ step: [1, 2], mean: [8, 1] })
    expect(run.progress.tokens).toEqual([100, 200])
    run.read()
    expect(run.generation).toBe(1)
  })
})

describe('runs', () => {
  test('are found in a folder, or are the folder itself', () => {
    const [a, b] = [new TestRun(join(folder, 'a')), new TestRun(join(folder, 'b'))]
    mkdirSync(join(folder, 'other'))
    expect(findRuns(folder).sort()).toEqual([a.folder, b.folder])
    expect(findRuns(`${a.folder}/`)).toEqual([a.folder])
    expect(findRuns(join(folder, 'nowhere'))).toEqual([])
  })

  test('come as they begin and go when they are deleted; the one that trains first, then the youngest', () => {
    const runs = new Runs([folder])
    expect(runs.read()).toEqual([])
    const old = new TestRun(join(folder, 'old'))
    old.append(stepLine(1))
    expect(runs.read().map(({ name }) => name)).toEqual(['old'])
    const fresh = new TestRun(join(folder, 'fresh'))
    expect(runs.read().map(({ name }) => name)).toEqual(['old', 'fresh'])
    fresh.lock(process.pid)
    expect(runs.read().map(({ name }) => name)).toEqual(['fresh', 'old'])
    rmSync(fresh.folder, { recursive: true })
    expect(runs.read().map(({ name }) => name)).toEqual(['old'])
    expect(runs.get(old.folder)!.progress.step).toEqual([1])
  })
})
