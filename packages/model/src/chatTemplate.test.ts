import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { trainTokenizer } from './bpeTrainer.ts'
import {
  type ChatMessage,
  ChatTemplate,
  encodeChat,
  encodeConversation,
  moduChatTemplate,
  renderChat,
  type ToolDefinition,
} from './chatTemplate.ts'
import { Tokenizer } from './tokenizer.ts'

const text = readFileSync(new URL('../fixtures/tokenizer/korean.txt', import.meta.url), 'utf8')
const tokenizer = new Tokenizer(await trainTokenizer([text], { vocabularySize: 600 }), {
  bos_token: '<|begin|>',
  eos_token: '<|end|>',
})
const template = new ChatTemplate(moduChatTemplate)

const weather: ToolDefinition = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: '도시의 날씨를 알려준다',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        date: { type: 'string', description: '오늘, 내일' },
        unit: { type: 'string', enum: ['c', 'f'] },
      },
      required: ['city'],
    },
  },
}
const call = { type: 'function', function: { name: 'get_weather', arguments: { city: '대전', date: '내일' } } }

describe('renders', () => {
  test('turns, and drops earlier reasoning', () => {
    const messages: ChatMessage[] = [
      { role: 'system', content: '짧게 답해요.' },
      { role: 'user', content: '1+1?' },
      { role: 'assistant', reasoning_content: '쉽다.', content: '2예요.' },
      { role: 'user', content: '2+2?' },
      { role: 'assistant', reasoning_content: '더 쉽다.', content: '4예요.' },
    ]
    expect(renderChat(template, messages)).toBe(
      '<|begin|><|system|>짧게 답해요.<|end|><|user|>1+1?<|end|><|assistant|>2예요.<|end|><|user|>2+2?<|end|>' +
        '<|assistant|><think>더 쉽다.</think>4예요.<|end|>',
    )
  })

  test('the prompt for each mode', () => {
    const messages: ChatMessage[] = [{ role: 'user', content: '안녕' }]
    const prompt = (enableThinking?: boolean) =>
      renderChat(template, messages, { enableThinking, addGenerationPrompt: true })
    expect(prompt()).toBe('<|begin|><|user|>안녕<|end|><|assistant|>')
    expect(prompt(false)).toBe(prompt())
    expect(prompt(true)).toBe(`${prompt()}<think>`)
  })

  test('tools, calls and results', () => {
    const messages: ChatMessage[] = [
      { role: 'user', content: '내일 대전 비 와?' },
      { role: 'assistant', content: null, reasoning_content: '찾아보자.', tool_calls: [call, call] },
      { role: 'tool', content: '{"weather": "비"}' },
      { role: 'assistant', content: '네, 와요.' },
    ]
    const callText = '<tool_call>{"name": "get_weather", "arguments": {"city": "대전", "date": "내일"}}</tool_call>'
    expect(renderChat(template, messages, { tools: [weather, { function: { name: 'now' } }] })).toBe(
      '<|begin|><|system|><tools>{"name": "get_weather", "description": "도시의 날씨를 알려준다", "parameters": ' +
        '{"city": "string", "date?": "string, 오늘, 내일", "unit?": {"type": "string", "enum": ["c", "f"]}}}\n{"name": "now"}</tools><|end|>' +
        `<|user|>내일 대전 비 와?<|end|><|assistant|><think>찾아보자.</think>${callText}${callText}<|end|>` +
        '<|tool|>{"weather": "비"}<|end|><|assistant|><think></think>네, 와요.<|end|>',
    )
  })

  test('arguments given as JSON text, text parts and the developer role like their plain forms', () => {
    const plain: ChatMessage[] = [
      { role: 'system', content: '가나' },
      { role: 'user', content: '다라' },
      { role: 'assistant', content: '', tool_calls: [call] },
    ]
    const other: ChatMessage[] = [
      { role: 'developer', content: '가나' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '다' },
          { type: 'text', text: '라' },
        ],
      },
      {
        role: 'assistant',
        tool_calls: [{ function: { ...call.function, arguments: '{"city":"대전","date":"내일"}' } }],
      },
    ]
    expect(renderChat(template, other)).toBe(renderChat(template, plain))
  })
})

describe('what users write never becomes a control token', () => {
  const conversation = (hostile: string): [ChatMessage[], ToolDefinition[]] => [
    [
      { role: 'system', content: hostile },
      { role: 'user', content: `가${hostile}나`, name: hostile },
      {
        role: 'assistant',
        content: hostile,
        reasoning_content: hostile,
        tool_calls: [{ id: hostile, function: { name: hostile, arguments: { [hostile]: [hostile, { a: hostile }] } } }],
      },
      { role: 'tool', content: hostile, tool_call_id: hostile },
      { role: 'assistant', content: hostile },
    ],
    [
      {
        function: {
          name: hostile,
          description: hostile,
          parameters: {
            properties: { [hostile]: { type: 'string', description: hostile }, b: { type: hostile, enum: [hostile] } },
          },
        },
      },
    ],
  ]
  const encode = (hostile: string) => {
    const [messages, tools] = conversation(hostile)
    return encodeChat(tokenizer, template, messages, { tools, addGenerationPrompt: true, enableThinking: true })
  }
  const control = (ids: number[]) => ids.filter(id => tokenizer.isControl(id))

  test.each([...tokenizer.controlTokens.keys()])('%s', token => {
    const ids = encode(token)
    expect(control(ids)).toEqual(control(encode('평범한 글')))
    const [messages, tools] = conversation(token)
    expect(tokenizer.decode(ids)).toBe(
      renderChat(template, messages, { tools, addGenerationPrompt: true, enableThinking: true }),
    )
  })

  test('nor when it is split over two messages, or the template joins two strings', () => {
    const joined = new ChatTemplate('{% for m in messages %}{{ m.name }}{{ m.content }}{% endfor %}')
    for (const token of tokenizer.controlTokens.keys())
      for (let cut = 1; cut < token.length; cut++) {
        const messages: ChatMessage[] = [
          { role: 'user', name: token.slice(0, cut), content: token.slice(cut) + token.slice(0, cut) },
          { role: 'user', name: token.slice(cut), content: `<<${token}` },
        ]
        const ids = encodeChat(tokenizer, joined, messages)
        expect(control(ids)).toEqual([])
        expect(tokenizer.decode(ids)).toBe(renderChat(joined, messages))
      }
  })

  test('private-use characters come through', () => {
    const ids = encodeChat(tokenizer, template, [{ role: 'user', content: '\uE000<|end|>\uE001' }])
    expect(tokenizer.decode(ids)).toBe('<|begin|><|user|>\uE000<|end|>\uE001<|end|>')
    expect(control(ids).length).toBe(3)
  })
})

describe('a conversation for fine-tuning', () => {
  const messages: ChatMessage[] = [
    { role: 'user', content: '비 와? <|assistant|>' },
    { role: 'assistant', content: '몰라요.' },
    { role: 'user', content: '찾아봐' },
    { role: 'assistant', reasoning_content: '찾자.', content: '', tool_calls: [call] },
    { role: 'tool', content: '비' },
    { role: 'assistant', content: '와요.' },
  ]
  const { ids, labels } = encodeConversation(tokenizer, template, messages, { tools: [weather] })

  test('has the ids of the chat', () => {
    expect(ids).toEqual(encodeChat(tokenizer, template, messages, { tools: [weather] }))
    expect(labels.length).toBe(ids.length)
  })

  test('counts what the assistant says, up to the end of its turn', () => {
    expect(labels.every((label, i) => label === -100 || label === ids[i])).toBe(true)
    expect(tokenizer.decode(labels.filter(label => label !== -100))).toBe(
      '몰라요.<|end|>찾자.</think><tool_call>{"name": "get_weather", "arguments": {"city": "대전", "date": "내일"}}</tool_call><|end|>' +
        '</think>와요.<|end|>',
    )
  })

  test('continues what generation is prompted with', () => {
    for (const enableThinking of [true, false]) {
      const question: ChatMessage[] = [{ role: 'user', content: '안녕' }]
      const answer: ChatMessage = {
        role: 'assistant',
        content: '네!',
        reasoning_content: enableThinking ? '인사.' : undefined,
      }
      const prompt = encodeChat(tokenizer, template, question, { enableThinking, addGenerationPrompt: true })
      const whole = encodeConversation(tokenizer, template, [...question, answer])
      expect(whole.ids.slice(0, prompt.length)).toEqual(prompt)
      expect(whole.labels.findIndex(label => label !== -100)).toBe(prompt.length)
    }
  })
})

describe('refuses with the name of what is wrong', () => {
  const render = (messages: unknown) => () => renderChat(template, messages as ChatMessage[])

  test('messages', () => {
    expect(render([])).toThrow('messages is empty')
    expect(render([{ role: 'robot', content: '' }])).toThrow('messages[0].role is "robot"')
    expect(render([{ role: 'user' }])).toThrow('messages[0].content is missing')
    expect(render([{ role: 'user', content: [{ type: 'image_url' }] }])).toThrow(
      'messages[0].content[0] has type "image_url"',
    )
    expect(render([{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{' } }] }])).toThrow(
      'messages[0].tool_calls[0].function.arguments is not valid JSON',
    )
    expect(render([{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '[]' } }] }])).toThrow(
      'is not an object',
    )
  })

  test('tools', () => {
    const tools = [weather, { name: 'now' } as unknown as ToolDefinition]
    expect(() => renderChat(template, [{ role: 'user', content: '' }], { tools })).toThrow(
      'tools[1].function.name is missing',
    )
  })

  test('templates', () => {
    expect(() => new ChatTemplate('{% for %}')).toThrow('cannot be parsed')
    expect(() =>
      renderChat(new ChatTemplate("{{ raise_exception('nein') }}"), [{ role: 'user', content: '' }]),
    ).toThrow('nein')
    const silent = new ChatTemplate('{{ messages[0].content }}')
    expect(() => encodeConversation(tokenizer, silent, [{ role: 'user', content: 'a' }])).toThrow(
      'opens no assistant turn',
    )
  })
})
