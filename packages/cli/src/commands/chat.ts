import { defineCommand, numberBetween, wholeNumber } from '../command.ts'
import { localized } from '../language.ts'
import { modelFolder, modelOption, processorFrom, processorOptions } from '../models.ts'

export const chat = defineCommand({
  name: 'chat',
  summary: { ko: '터미널에서 대화합니다', en: 'chat in the terminal' },
  operands: [],
  options: {
    model: modelOption,
    think: { help: { ko: '먼저 생각하고 답합니다', en: 'think before answering' } },
    'think-budget': {
      value: 'N',
      help: {
        ko: '먼저 생각하되, 많아야 토큰 N개만큼만 생각합니다',
        en: 'think before answering, but for N tokens at most',
      },
    },
    temperature: {
      value: 'T',
      help: { ko: '0이면 늘 가장 그럴듯한 말 (0~2)', en: '0 to 2; 0 is always the likeliest word' },
    },
    seed: { value: 'N', help: { ko: '같은 수는 같은 답을 냅니다', en: 'the same number gives the same answers' } },
    ...processorOptions,
  },
  notes: {
    ko: '대화 안에서는 /help 가 명령을 알려 줍니다. 입력이 파이프면 한 줄씩 묻고 답만 출력합니다.',
    en: 'Inside, /help tells the commands. Lines from a pipe are asked one by one; only the answers are printed.',
  },
  async run(_, options) {
    const settings = {
      processor: processorFrom(options),
      seed: wholeNumber('seed', options.seed, 0),
      thinkingBudget: wholeNumber('think-budget', options['think-budget'], 0),
      temperature: numberBetween('temperature', options.temperature, 0, 2),
    }
    const folder = modelFolder(options.model)
    const [{ Conversation }, { loadAnswerer }, { chatOnTerminal, chatThroughPipe }] = await Promise.all([
      import('../chat/conversation.ts'),
      import('../chat/modelAnswerer.ts'),
      import('../chat/terminal.ts'),
    ])
    const answerer = await loadAnswerer(folder, settings)
    const conversation = new Conversation(answerer, options.think || settings.thinkingBudget !== undefined)
    if (process.stdin.isTTY && process.stdout.isTTY) {
      const welcome = {
        ko: `${answerer.name} 모델입니다. /help: 명령, Ctrl-D: 끝`,
        en: `Model ${answerer.name}. /help: commands, Ctrl-D: leave`,
      }
      process.stdout.write(`${localized(welcome)}\n`)
      await chatOnTerminal(conversation, process.stdin, process.stdout)
      return 0
    }
    return (await chatThroughPipe(conversation, process.stdin, process.stdout)) ? 0 : 1
  },
})
