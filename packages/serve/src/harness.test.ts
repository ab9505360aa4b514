import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { randomModel, scriptedModel } from './testModels.ts'

/* EleutherAI's lm-evaluation-harness, unchanged, where MODU_PYTHON names an interpreter that has it. */

const python = process.env.MODU_PYTHON
const hasHarness =
  !!python &&
  spawnSync(python, ['-c', 'import importlib.util as i, sys; sys.exit(not i.find_spec("lm_eval"))']).status === 0

const folder = mkdtempSync(join(tmpdir(), 'modu-harness-'))
const documents = [
  { question: '바다는', choices: [' 넓다', ' 좁다.'], answer: 0 },
  { question: '하늘은 무슨 색', choices: ['이다', '파랑', ' 🌊'], answer: 1 },
]
let server: RunningServer

beforeAll(async () => {
  server = await serve({ port: 0, models: { random: await randomModel(), polite: await scriptedModel('넓다') } })
  writeFileSync(join(folder, 'documents.jsonl'), documents.map(line => `${JSON.stringify(line)}\n`).join(''))
  const task = (name: string, fields: object) =>
    writeFileSync(
      join(folder, `${name}.yaml`),
      JSON.stringify({
        task: name,
        dataset_path: 'json',
        dataset_kwargs: { data_files: { test: join(folder, 'documents.jsonl') } },
        test_split: 'test',
        doc_to_text: '{{question}}',
        ...fields,
      }),
    )
  const choice = { doc_to_choice: '{{choices}}', doc_to_target: 'answer', target_delimiter: '' }
  task('modu_choices', { output_type: 'multiple_choice', ...choice, metric_list: [{ metric: 'acc' }] })
  task('modu_answers', {
    output_type: 'generate_until',
    doc_to_target: '{{choices[answer]}}',
    generation_kwargs: { until: ['\n'], max_gen_toks: 20 },
    metric_list: [{ metric: 'exact_match', aggregation: 'mean', higher_is_better: true }],
  })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

interface Sample {
  doc_id: number
  filtered_resps: unknown[]
}

/** What the harness got from the server for each document. */
async function evaluate(task: string, model: string, settings: string): Promise<Sample[]> {
  const output = join(folder, 'output', task)
  const run = ['-m', 'lm_eval', '--model', model, '--model_args', `${settings},max_retries=1`, '--tasks', task]
  const options = {
    env: { ...process.env, HF_HUB_OFFLINE: '1', OPENAI_API_KEY: 'unused', HF_HOME: join(folder, 'hf') },
  }
  await promisify(execFile)(
    python!,
    [...run, '--include_path', folder, '--output_path', output, '--log_samples', ...chat(model)],
    options,
  )
  const file = readdirSync(output, { recursive: true, encoding: 'utf8' }).find(name => /samples_.*\.jsonl$/.test(name))!
  const lines = readFileSync(join(output, file), 'utf8').trim().split('\n')
  return lines.map(line => JSON.parse(line) as Sample).sort((a, b) => a.doc_id - b.doc_id)
}

const chat = (model: string) => (model === 'local-chat-completions' ? ['--apply_chat_template'] : [])

describe.skipIf(!hasHarness)('the harness', () => {
  test('measures the likelihood that the model has', async () => {
    const { tokenizer, model } = await randomModel()
    const settings = `model=random,base_url=${server.url}/v1/completions,tokenizer_backend=remote,tokenized_requests=True`
    const samples = await evaluate('modu_choices', 'local-completions', settings)
    const nats = (text: string, from: number): number => {
      const ids = Int32Array.from(tokenizer.encodePlain(text))
      const loss = model.loss(
        ids,
        ids.map((id, t) => (t < from ? -100 : id)),
        1,
      ).reals[0]!
      model.device.reset()
      return loss * (ids.length - from)
    }
    for (const [i, { question, choices }] of documents.entries()) {
      const begin = tokenizer.encodePlain(question).length
      const expected = choices.map(choice => expect.closeTo(-nats(question + choice, begin), 2))
      expect(samples[i]!.filtered_resps.map(response => Number((response as string[])[0]))).toEqual(expected)
    }
  }, 300_000)

  test('reads answers of a chat', async () => {
    const settings = `model=polite,base_url=${server.url}/v1/chat/completions`
    const samples = await evaluate('modu_answers', 'local-chat-completions', settings)
    expect(samples.map(({ filtered_resps }) => filtered_resps)).toEqual([['넓다'], ['넓다']])
  }, 300_000)
})
