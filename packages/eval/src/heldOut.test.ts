import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cleanCorpus, encodeDocument, packCorpus, type Sources, sourceSchema } from '@modu/data'
import { beforeAll, describe, expect, test } from 'vitest'
import { heldOutPrompts, toolChoice } from './conversations.ts'
import { evaluate } from './evaluate.ts'
import type { Answer } from './generation.ts'
import { firstTurn, type HeldOut, heldOutDocuments, promptKey } from './heldOut.ts'
import { loadTinyModel, plainNats, testFolder } from './testModel.ts'

const folder = testFolder()
const jsonl = (rows: readonly object[]) => rows.map(row => `${JSON.stringify(row)}\n`).join('')
const range = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i))

const weather = { function: { name: 'weather', parameters: { type: 'object', required: ['city'] } } }
const tools = new Map([['weather', weather]])
const call = { function: { name: 'weather', arguments: { city: '서울' } } }
const talk = (i: number) => ({
  id: `talk-${i}`,
  messages: [
    ...((i % 150) % 4 === 0 ? [{ role: 'system', content: '짧게 말해 줘.' }] : []),
    // Half of the questions come twice, so some of the held-out ones have been seen.
    { role: 'user', content: `${i % 150}번 질문이에요. 안녕하세요?` },
    { role: 'assistant', content: `네, ${i}번 답이에요.`, ...(i % 2 === 0 && { reasoning_content: '인사다.' }) },
  ],
})
const toolTalk = (i: number) => ({
  id: `tool-${i}`,
  tools: ['weather'],
  messages: [
    { role: 'user', content: `${i}번 도시의 날씨 알려 줘.` },
    i % 2 === 0
      ? { role: 'assistant', content: '', tool_calls: [call] }
      : { role: 'assistant', content: '어느 나라인가요?' },
  ],
})
folder.write('texts.jsonl', jsonl(range(300, i => ({ text: `<b>오늘은</b> ${i}번째 날이고 바람이 시원합니다.` }))))
folder.write('talks.jsonl', jsonl([...range(200, talk), ...range(200, toolTalk)]))
folder.write(
  'reviews.jsonl',
  jsonl(range(400, i => ({ text: `${i}번째로 본 영화인데 정말 재미있게 봤어요.`, movie_id: String(i >> 1) }))),
)
const source = (files: string, format: string) => sourceSchema.parse({ files: [files], format, license: 'x' })
const sources: Sources = {
  texts: source('texts.jsonl', 'text'),
  talks: source('talks.jsonl', 'conversations'),
  reviews: source('reviews.jsonl', 'reviews'),
}

describe('what training held out', async () => {
  const chat = await loadTinyModel(512)
  const { model, tokenizer, template } = chat
  let heldOut: HeldOut
  beforeAll(async () => {
    heldOut = await heldOutDocuments(sources, folder.path, { evaluationFiles: [], tools })
  })
  const of = (name: string) => heldOut.sources.find(each => each.name === name)!

  test('is what packing for training holds out, cleaned', async () => {
    const corpus = join(folder.path, 'corpus')
    mkdirSync(corpus)
    await cleanCorpus(sources, folder.path, corpus)
    const { heldOut: shards } = await packCorpus({
      ...{ corpus, sources: Object.keys(sources), folder: join(folder.path, 'shards'), key: 'k' },
      vocabSize: tokenizer.vocabularySize,
      encode: document => encodeDocument(document, tokenizer, template!, tools),
    })
    const bos = tokenizer.bosId!
    for (const name of ['texts', 'reviews']) {
      const ids = of(name).texts.flatMap(text => [bos, ...tokenizer.encodePlain(text), tokenizer.eosId!])
      expect(Array.from(shards[name]!.ids(0, shards[name]!.tokens))).toEqual(ids)
      expect(of(name).texts.length).toBeGreaterThan(2)
    }
    expect(of('texts').texts[0]).toMatch(/^오늘은 \d+번째 날/)
    expect(of('reviews').texts[0]!.split('\n')).toHaveLength(2)
    const ways = of('talks').conversations.flatMap(each => encodeDocument(each, tokenizer, template!, tools))
    expect(shards.talks!.documents).toBe(ways.length)
  })

  test('is measured in bits per byte, of conversations what the assistant says', async () => {
    const talks = { ...of('talks'), conversations: of('talks').conversations.slice(0, 5) }
    const plan = { texts: [], nli: [], sts: [], heldOut: { ...heldOut, sources: [of('reviews'), talks] } }
    const { results } = await evaluate(chat, plan, { limit: 0, seed: 1 })
    expect(results.map(({ source, note }) => [source, note])).toEqual([
      ['reviews', 'joinedReviews'],
      ['talks', 'assistantOnly'],
    ])
    let nats = 0
    let bytes = 0
    for (const conversation of talks.conversations) {
      for (const { ids, counted } of encodeDocument(conversation, tokenizer, template!, tools)) {
        for (const [t, id] of ids.entries()) {
          if (!counted[t] || tokenizer.isControl(id)) continue
          nats += plainNats(model, ids.slice(0, t + 1), t)
          bytes += tokenizer.tokenBytes(id).length
        }
      }
    }
    expect(results[1]!.value).toBeCloseTo(nats / Math.LN2 / bytes, 3)
  })

  test('begins conversations whose first words training never saw', () => {
    const { chat: chats, tools: toolPrompts } = heldOutPrompts(heldOut, 0, 1)
    const plain = of('talks').conversations.filter(each => !each.tools)
    expect(chats.length).toBeGreaterThan(0)
    expect(chats.length).toBeLessThan(plain.length)
    expect(chats.map(({ messages }) => messages)).toEqual(
      plain.filter(each => !heldOut.seenPrompts.has(promptKey(each))).map(firstTurn),
    )
    expect(chats.every(({ messages }) => messages.at(-1)!.role === 'user')).toBe(true)
    expect(toolPrompts.every(prompt => prompt.tools?.[0] === weather)).toBe(true)
    expect(new Set(toolPrompts.map(prompt => prompt.expectedCalls.join()))).toEqual(new Set(['weather', '']))
    expect(heldOutPrompts(heldOut, 2, 1).tools).toHaveLength(2)
  })

  test('tools are chosen rightly where the assistant of the conversation chose them', () => {
    const { tools: prompts } = heldOutPrompts(heldOut, 0, 1)
    const answers = prompts.map(({ messages }) => ({
      ...{ messages, source: 'tools', reasoning: '', answer: '', ended: true },
      calls: [{ name: 'weather', arguments: { city: '부산' } }],
    }))
    const share = prompts.filter(prompt => prompt.expectedCalls.length > 0).length / prompts.length
    expect(toolChoice('tools', prompts, answers, { limit: 0, seed: 1 })[0]!.value).toBe(share)
    const broken: Answer[] = answers.map(answer => ({ ...answer, calls: [{ name: 'weather', arguments: {} }] }))
    expect(toolChoice('tools', prompts, broken, { limit: 0, seed: 1 })[0]!.value).toBe(0)
  })

  test('is answered, and the answers are in the report', async () => {
    const plan = { texts: [], nli: [], sts: [], heldOut: { ...heldOut, sources: [of('talks')] }, conversations: 3 }
    const { results, answers } = await evaluate(chat, plan, { limit: 2, seed: 1 })
    expect(results.map(({ metric, source }) => `${metric} ${source}`)).toEqual([
      'bitsPerByte talks',
      'repetition conversations',
      'foreignLetters conversations',
      'ended conversations',
      'toolRight tools',
    ])
    expect(answers.map(answer => answer.source)).toEqual([
      ...range(3, () => 'conversations'),
      ...range(3, () => 'tools'),
    ])
  })
})
