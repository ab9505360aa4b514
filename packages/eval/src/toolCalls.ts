import type { ToolDefinition } from '@modu/model'
import { Ajv } from 'ajv'
import type { Call } from './answer.ts'

/** Schemas of tools come from anywhere: what JSON Schema does not know is passed over, as servers do. */
const ajv = new Ajv({ strict: false, logger: false })

/** Whether a call names one of the tools offered, with arguments that its JSON schema allows. */
export function isValidCall(call: Call, offered: readonly ToolDefinition[]): boolean {
  const tool = offered.find(({ function: { name } }) => name === call.name)
  return tool !== undefined && ajv.validate(tool.function.parameters ?? true, call.arguments)
}

/** Whether the calls are valid and go to the tools in `expected`, all of them and no other. */
export function callsRightTools(
  calls: readonly Call[],
  expected: readonly string[],
  offered: readonly ToolDefinition[],
): boolean {
  const sorted = (names: readonly string[]) => [...names].sort().join()
  return calls.every(call => isValidCall(call, offered)) && sorted(calls.map(call => call.name)) === sorted(expected)
}
