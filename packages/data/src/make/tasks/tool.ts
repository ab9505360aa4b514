import { isDeepStrictEqual } from 'node:util'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import { type Call, requests, toolNames } from '../requests.ts'
import type { MakeTask } from '../task.ts'
import { spoken } from '../verify.ts'

const written = (call: Call): string => `<tool_call>${JSON.stringify(call)}</tool_call>`

/** The calls in the reply; one that is not JSON is undefined. */
function callsIn(reply: string): unknown[] {
  return [...spoken(reply).matchAll(/<tool_call>(.*?)<\/tool_call>/gs)].map(([, call]) => {
    try {
      return JSON.parse(call!)
    } catch {
      return undefined
    }
  })
}

/** Particles that stand as a pair in what is to be written fit the words before them. */
const fitArguments = ({ name, arguments: args }: Call): Call => ({
  name,
  arguments: Object.fromEntries(
    Object.entries(args).map(([key, value]) => [key, typeof value === 'string' ? fitParticles(value) : value]),
  ),
})

/** A request for which one of the offered tools must be called, with these arguments and no others. */
export const tool: MakeTask = random => {
  const request = pick(random, requests)(random)
  const call = fitArguments(request.call)
  const others = sample(
    random,
    toolNames.filter(name => name !== call.name),
    between(random, 1, 4),
  )
  const wrong = pick(random, [
    { ...call, name: others[0]! },
    { ...call, arguments: { ...call.arguments, [Object.keys(call.arguments)[0]!]: '다른 것' } },
  ])
  return {
    question: fitParticles(request.text),
    reasoning: fitParticles(`${request.reason} ${call.name}을/를 부른다.`),
    answer: written(call),
    wrong: written(wrong),
    tools: sample(random, [call.name, ...others], others.length + 1),
    verify: reply => isDeepStrictEqual(callsIn(reply), [call]),
  }
}
