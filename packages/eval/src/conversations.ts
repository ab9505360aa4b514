import type { ToolDefinition } from '@modu/model'
import type { Answer, Prompt } from './generation.ts'
import { type Conversation, firstTurn, type HeldOut, promptKey } from './heldOut.ts'
import { sample } from './readRows.ts'
import type { EvalOptions, Result } from './result.ts'
import { share } from './share.ts'
import { callsRightTools } from './toolCalls.ts'

/** The beginning of a held-out conversation, and the tools that its assistant calls then. */
export interface HeldOutPrompt extends Prompt {
  readonly expectedCalls: readonly string[]
}

/** Beginnings of held-out conversations, without tools and with them. */
export interface HeldOutPrompts {
  readonly chat: readonly HeldOutPrompt[]
  readonly tools: readonly HeldOutPrompt[]
}

/**
 * What people say first in the held-out conversations, with the system message before it: at most `most` (0: all) without
 * tools and as many with tools, chosen evenly by the seed. Left out is what training has seen in another conversation.
 */
export function heldOutPrompts(heldOut: HeldOut, most: number, seed: number): HeldOutPrompts {
  const unseen = heldOut.sources
    .filter(({ format }) => format === 'conversations')
    .flatMap(({ conversations }) => conversations)
    .filter(conversation => !heldOut.seenPrompts.has(promptKey(conversation)))
  const prompts = (withTools: boolean) =>
    sample(
      unseen.filter(({ tools }) => (tools !== undefined) === withTools),
      most,
      seed,
    ).map(conversation => promptOf(conversation, heldOut))
  return { chat: prompts(false), tools: prompts(true) }
}

function promptOf(conversation: Conversation, { tools: defined }: HeldOut): HeldOutPrompt {
  const messages = firstTurn(conversation)
  const tools = conversation.tools?.map(name => defined.get(name)).filter((tool): tool is ToolDefinition => !!tool)
  const calls = conversation.messages[messages.length]?.tool_calls ?? []
  return { messages, ...(tools && { tools }), expectedCalls: calls.map(call => call.function.name) }
}

/**
 * How often the model calls the same tools as the assistant of the conversation, with arguments that their schemas
 * allow; none where the assistant calls none. `answers` to `prompts`, in their order.
 */
export function toolChoice(
  source: string,
  prompts: readonly HeldOutPrompt[],
  answers: readonly Answer[],
  options: EvalOptions,
): Result[] {
  const right = prompts.map(({ expectedCalls, tools = [] }, i) =>
    callsRightTools(answers[i]!.calls, expectedCalls, tools),
  )
  return share('toolRight', source, right, options)
}
