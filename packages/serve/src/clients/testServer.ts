import { type RunningServer, serve } from '../serve.ts'
import { randomModel, scriptedModel } from '../testModels.ts'

/* What the clients of this folder talk to. They are as their makers publish them; only the address is ours. */

export const greeting = '안녕하세요! 반갑습니다.'

/** A server whose models say what a test wants to hear, or noise. */
export const startServer = async (): Promise<RunningServer> =>
  serve({
    port: 0,
    models: {
      random: await randomModel(),
      polite: await scriptedModel(greeting),
      thinker: await scriptedModel('인사를 하자.</think>안녕하세요!'),
      caller: await scriptedModel(
        '알아볼게요.<tool_call>\n{"name": "weather", "arguments": {"city": "서울"}}\n</tool_call>',
      ),
    },
  })
