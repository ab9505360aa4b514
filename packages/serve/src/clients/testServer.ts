import { type RunningServer, serve } from '../serve.ts'
import { talkingModels } from '../testModels.ts'

/* What the clients of this folder talk to. They are as their makers publish them; only the address is ours. */

/** A server whose models say what a test wants to hear, or noise. */
export const startServer = async (): Promise<RunningServer> =>
  serve({
    port: 0,
    models: await talkingModels({
      caller: '알아볼게요.<tool_call>\n{"name": "weather", "arguments": {"city": "서울"}}\n</tool_call>',
    }),
  })
