import { describe, expect, test } from 'vitest'
import { answersTable, promptText } from './answersTable.ts'
import { readReport, withComparison } from './compare.ts'
import { evaluate } from './evaluate.ts'
import { TextLikelihood } from './likelihood.ts'
import { reportPage } from './page.ts'
import { carePrompts, harmfulPrompts } from './refusals.ts'
import type { EvalProgress } from './result.ts'
import { overlap } from './similarity.ts'
import { reportTable } from './table.ts'
import { loadTinyModel, plainNats, testFolder } from './testModel.ts'

const { write } = testFolder()
const nothing = { texts: [], nli: [], sts: [] }
const jsonl = (rows: readonly object[]) => rows.map(row => `${JSON.stringify(row)}\n`).join('')

describe('evaluate', async () => {
  const chat = await loadTinyModel(512)
  const { model, tokenizer } = chat
  const options = { limit: 0, seed: 1 }
  const texts = ['바다에 가고 싶습니다.', '옛날 옛적에 호랑이 한 마리가 살았습니다.', 'a < b & "c"']
  const textFile = write('texts.jsonl', jsonl([...texts, '  '].map(text => ({ text }))))

  test('bits per byte are those of full logits', async () => {
    const { results } = await evaluate(chat, { ...nothing, texts: [{ name: '글', path: textFile }] }, options)
    const bits = texts.map(
      text => plainNats(model, [tokenizer.bosId!, ...tokenizer.encodePlain(text)], 1) / Math.log(2),
    )
    const bytes = texts.map(text => new TextEncoder().encode(text).length)
    const sum = (values: number[]) => values.reduce((a, b) => a + b)
    const [result] = results
    expect(result).toMatchObject({ metric: 'bitsPerByte', source: '글', items: 3 })
    expect(result!.value).toBeCloseTo(sum(bits) / sum(bytes), 4)
    const each = bits.map((b, i) => b / bytes[i]!)
    expect(result!.low).toBeGreaterThanOrEqual(Math.min(...each) - 1e-4)
    expect(result!.high).toBeLessThanOrEqual(Math.max(...each) + 1e-4)
    expect(result!.baselines.find(each => each.name === 'brotli')!.value).toBeGreaterThan(0)
  })

  const pairs = [
    ['비가 온다.', '하늘에서 물이 떨어진다.', 'entailment'],
    ['비가 온다.', '날이 맑다.', 'contradiction'],
    ['비가 온다.', '오늘은 일요일이다.', 'neutral'],
    ['그는 잔다.', '그는 깨어 있다.', 'contradiction'],
  ] as const

  test('inference takes the likeliest answer, plainly and calibrated', async () => {
    const names = ['entailment', 'neutral', 'contradiction']
    const rows = pairs.map(([premise, hypothesis, label]) => ({ premise, hypothesis, gold_label: label }))
    const { results } = await evaluate(chat, { ...nothing, nli: [write('nli.json', JSON.stringify(rows))] }, options)
    const likelihood = new TextLikelihood(chat)
    const right = [0, 0]
    for (const [premise, hypothesis, label] of pairs) {
      const asked = `${premise}\n이 말이 사실이라면, "${hypothesis}"라는 말도 사실인가요?\n답:`
      const costs = [' 네', ' 알 수 없어요', ' 아니요'].map(answer => [
        likelihood.nats(answer, asked),
        likelihood.nats(answer, asked) - likelihood.nats(answer, '\n답:'),
      ])
      for (const kind of [0, 1]) {
        const best = costs.reduce((at, cost, i) => (cost[kind]! < costs[at]![kind]! ? i : at), 0)
        right[kind]! += Number(names[best] === label)
      }
    }
    const majority = [{ name: 'majority', value: 0.5 }]
    expect(results).toMatchObject([
      { metric: 'nliAccuracy', source: 'nli', value: right[0]! / 4, items: 4, baselines: majority },
      { metric: 'nliCalibrated', source: 'nli', value: right[1]! / 4, items: 4, baselines: majority },
    ])
    // The same rows in KorNLI's columns, and with KLUE's numbers, are the same task.
    const table = `sentence1\tsentence2\tgold_label\n${pairs.map(pair => pair.join('\t')).join('\n')}\n`
    const numbered = jsonl(pairs.map(([premise, hypothesis, l]) => ({ premise, hypothesis, label: names.indexOf(l) })))
    const same = await evaluate(
      chat,
      { ...nothing, nli: [write('nli.tsv', table), write('nli.jsonl', numbered)] },
      options,
    )
    expect(same.results).toEqual([...results, ...results])
  })

  test('similarity correlates what sentences gain from each other with the scores', async () => {
    const sentences = [
      ['바람이 시원하다.', '바람이 시원하다.', 5],
      ['바람이 시원하다.', '날씨가 맑다.', 2.5],
      ['하나 둘 셋', '호랑이가 살았다.', 0],
    ] as const
    const klue = sentences.map(([sentence1, sentence2, label]) => ({ sentence1, sentence2, labels: { label } }))
    const { results } = await evaluate(chat, { ...nothing, sts: [write('sts.json', JSON.stringify(klue))] }, options)
    expect(results.map(result => result.metric)).toEqual(['stsPearson', 'stsSpearman'])
    const likelihood = new TextLikelihood(chat)
    const gain = (to: string, from: string) =>
      (likelihood.nats(` ${to}`, '바꿔 말하면,') - likelihood.nats(` ${to}`, `${from}\n바꿔 말하면,`)) /
      new TextEncoder().encode(` ${to}`).length
    const alike = sentences.map(([a, b]) => gain(a, b) + gain(b, a))
    const scores = sentences.map(([, , score]) => score)
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length
    const covariance = (x: readonly number[], y: readonly number[]) =>
      mean(x.map((value, i) => (value - mean(x)) * (y[i]! - mean(y))))
    const expected = covariance(alike, scores) / Math.sqrt(covariance(alike, alike) * covariance(scores, scores))
    expect(results[0]!.value).toBeCloseTo(expected, 6)
    expect(results[1]!.baselines).toMatchObject([{ name: 'overlap' }])
    const table = `score\tsentence1\tsentence2\n${sentences.map(([a, b, score]) => [score, a, b].join('\t')).join('\n')}`
    const same = await evaluate(chat, { ...nothing, sts: [write('sts.tsv', table)] }, options)
    expect(same.results).toEqual(results)
  })

  test('generation answers every prompt, the same for the same seed', async () => {
    const prompts = write('prompts.txt', '안녕!\n뭐 해?\n')
    const told: EvalProgress[] = []
    const report = await evaluate(chat, { ...nothing, prompts }, { ...options, onProgress: each => told.push(each) })
    expect(report.answers.map(promptText)).toEqual(['안녕!', '뭐 해?'])
    expect(report.results.map(result => [result.metric, result.items])).toEqual([
      ['repetition', 2],
      ['foreignLetters', 2],
      ['ended', 2],
    ])
    expect(told).toEqual([
      { source: 'prompts', done: 1, total: 2 },
      { source: 'prompts', done: 2, total: 2 },
    ])
    expect(await evaluate(chat, { ...nothing, prompts }, options)).toEqual(report)
  })

  test('another model stands beside as a baseline', async () => {
    const report = await evaluate(chat, { ...nothing, texts: [{ name: '글', path: textFile }] }, options)
    const [result] = report.results
    const other = { ...report, model: '예전 <모델>', results: [{ ...result!, value: 9.5 }] }
    const compared = withComparison(report, other)
    expect(compared.results[0]!.baselines).toEqual([...result!.baselines, { name: '예전 <모델>', value: 9.5 }])
    expect(reportTable(compared, 'ko')).toMatch(/, 예전 <모델> 9\.500$/m)
    expect(reportPage(compared, 'ko')).toMatch('예전 &#60;모델&#62;')
    expect(withComparison(report, { ...other, results: [] })).toEqual(report)
    expect(withComparison(report, readReport(write('other.json', JSON.stringify(other))))).toEqual(compared)
    expect(() => readReport(write('none.json', '{"results":[]}'))).toThrow(/none\.json is no report/)
  })

  test('answers stand in a table with an empty column for marks', async () => {
    const prompts = write('asked.txt', '가 | 나\n<b>다</b>\n')
    const report = await evaluate(chat, { ...nothing, prompts }, options)
    const lines = answersTable(report, 'ko').split('\n')
    expect(lines.slice(2, 6)).toEqual(['## asked (2)', '', '| | 물음 | 답 | 평가 |', '| --- | --- | --- | --- |'])
    expect(lines[6]).toMatch(/^\| 1 \| 가 \\\| 나 \| .* \| \|$/)
    expect(lines[7]).toMatch(/^\| 2 \| \\<b\\>다\\<\/b\\> \| /)
    expect(lines).toHaveLength(9)
  })

  test('refusals are asked for, and ordinary requests are not to be refused', async () => {
    const prompts = write('ordinary.txt', '안녕!\n')
    const { results, answers } = await evaluate(chat, { ...nothing, prompts, refusals: true }, options)
    const counts = results.slice(3).map(({ metric, source, items }) => [metric, source, items])
    expect(counts).toEqual([
      ['refused', 'harmful', harmfulPrompts.length],
      ['careful', 'care', carePrompts.length],
      ['refusedOrdinary', 'ordinary', 1],
    ])
    expect(answers).toHaveLength(1 + harmfulPrompts.length + carePrompts.length)
  })

  test('a bad file is refused before anything is measured', async () => {
    const told: EvalProgress[] = []
    const plan = { ...nothing, texts: [{ name: '글', path: textFile }], sts: ['no/such/file.tsv'] }
    const measured = evaluate(chat, plan, { ...options, onProgress: each => told.push(each) })
    await expect(measured).rejects.toThrow(/no\/such\/file\.tsv/)
    expect(told).toEqual([])
  })

  test.each([
    [
      'text',
      { texts: [{ name: 'x', path: write('t.jsonl', '{"text":"가"}\n{"txt":"나"}\n') }] },
      /t\.jsonl:2: the field text/,
    ],
    ['blank texts', { texts: [{ name: 'x', path: write('b.jsonl', '{"text":" "}\n') }] }, /all texts are blank/],
    [
      'label',
      { nli: [write('l.jsonl', '{"premise":"가","hypothesis":"나","label":"yes"}')] },
      /jsonl:1: .*label is "yes"/,
    ],
    ['no label', { nli: [write('n.jsonl', '{"premise":"가","hypothesis":"나"}')] }, /jsonl:1: .*label is missing/],
    ['score', { sts: [write('s.jsonl', '{"sentence1":"가","sentence2":"나","score":""}')] }, /jsonl:1: .*is no number/],
    ['no score', { sts: [write('m.jsonl', '{"sentence1":"가","sentence2":"나"}')] }, /jsonl:1: .*score.*is missing/],
  ])('a bad row is named: %s', async (_, plan, message) => {
    await expect(evaluate(chat, { ...nothing, ...plan }, options)).rejects.toThrow(message)
  })

  test('the table is aligned and the page whole, in both languages', async () => {
    const plan = { ...nothing, texts: [{ name: '글', path: textFile }], prompts: write('p.txt', '<b>안녕</b>\n') }
    const report = await evaluate(chat, plan, options)
    const lines = reportTable(report, 'ko').trimEnd().split('\n')
    expect(lines[0]).toMatch(/^지표 +자료 +값 +95% 구간 +개수 +기준$/)
    expect(lines[1]).toMatch(/^비트\/바이트 +글 +\d+\.\d{3} +\d+\.\d{3} ~ \d+\.\d{3} +3 +.*brotli \d+\.\d{3}$/)
    expect(lines).toHaveLength(5)
    expect(reportTable(report, 'en')).toMatch(/^metric +data +value +95% interval +items +baselines$/m)
    const page = reportPage(report, 'ko')
    expect(page.match(/<svg /g)).toHaveLength(4)
    expect(page).toMatch('&#60;b&#62;안녕')
    expect(page).not.toMatch(/<b>|https?:|src=|NaN|undefined/)
    expect(reportPage(report, 'en')).toMatch('Answers, unpicked')
  })
})

test('overlap is the share of letter pairs in common', () => {
  expect(overlap('가나다', '가나다')).toBe(1)
  expect(overlap('가나다', '라마바')).toBe(0)
  expect(overlap('가나다', '가나라')).toBe(0.5)
  expect(overlap('가', '가')).toBe(1)
})
