import { ApiError, type ChatPart, type ChatRequest, listModels, streamChat } from './api.ts'
import type { Answer } from './conversation.ts'

/** Over a shorter time, in milliseconds, tokens a second would say more of the network's packets than of the model. */
const measurable = 250

/**
 * Lets the model write `answer` and reports every step as a whole new answer, the last one included. Never throws: a
 * failure is a state of the answer. `now` in milliseconds, monotonic.
 */
export async function writeAnswer(
  answer: Answer,
  request: ChatRequest,
  signal: AbortSignal,
  report: (answer: Answer) => void,
  now: () => number = () => performance.now(),
): Promise<void> {
  const start = now()
  let current = answer
  let first = 0
  let last = start
  let pieces = 0
  let tokens = 0
  let reason = 'stop'
  const update = (change: Partial<Answer>) => {
    current = { ...current, ...change }
    report(current)
  }
  const finish = (change: Partial<Answer>) => {
    const count = tokens || pieces
    const seconds = (last - start) / 1000
    const tokensPerSecond = last - first >= measurable ? ((count - 1) * 1000) / (last - first) : 0
    const stats = { tokens: count, seconds, firstSeconds: (first - start) / 1000, tokensPerSecond }
    update({ ...(count > 0 && { stats }), ...change })
  }

  try {
    // Who asks before the page has heard which models there are gets the first.
    const model = request.model || (await listModels(signal))[0]
    current = { ...current, model }
    for await (const part of streamFitting({ ...request, model }, signal)) {
      if (part.type === 'forgotten') update({ forgotten: part.questions })
      else if (part.type === 'finish') reason = part.reason
      else if (part.type === 'usage') tokens = part.completionTokens
      else {
        last = now()
        if (pieces++ === 0) first = last
        if (part.type === 'reasoning') update({ reasoning: current.reasoning + part.text })
        else {
          const thought = current.reasoning !== '' && current.content === ''
          update({
            content: current.content + part.text,
            ...(thought && { reasoningSeconds: (last - start) / 1000 }),
          })
        }
      }
    }
    finish({ state: reason === 'length' ? 'length' : 'done' })
  } catch (error) {
    if (signal.aborted) finish({ state: 'stopped' })
    else if (error instanceof ApiError) finish({ state: 'failed', failure: error.failure })
    else finish({ state: 'failed', failure: { kind: 'server', detail: String(error) } })
  }
}

/** As `streamChat`, but a conversation longer than the model can read loses its oldest questions and answers until it fits. */
async function* streamFitting(
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatPart | { type: 'forgotten'; questions: number }> {
  for (let { messages } = request; ; messages = messages.slice(2)) {
    try {
      yield* streamChat({ ...request, messages }, signal)
      return
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'context' || messages.length < 3) throw error
      yield { type: 'forgotten', questions: (request.messages.length - messages.length) / 2 + 1 }
    }
  }
}
