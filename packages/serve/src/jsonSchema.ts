import { callGrammar, type JsonSchema, SchemaError, schemaGrammar } from '@modu/model'
import type { z } from 'zod'

/* Refuses JSON schemas that answers could not be made to fulfil, at the place where that lies. */

type Path = readonly (string | number)[]

function refusing(context: z.RefinementCtx, attempt: () => void, placeOf: (path: Path) => Path = path => path): void {
  try {
    attempt()
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    const { path, problem } = error
    context.addIssue({ code: 'custom', path: [...placeOf(path)], message: problem, params: { code: 'schema' } })
  }
}

export const keepsSchema = (schema: JsonSchema, context: z.RefinementCtx): void =>
  refusing(context, () => schemaGrammar(schema))

interface Tool {
  readonly name: string
  readonly parameters?: JsonSchema | undefined
  readonly strict?: boolean | undefined
}

/** Of tools; `place`: where in each the schema of its arguments stands. */
export const keepsCalls =
  <T>(toolOf: (tool: T) => Tool, place: Path) =>
  (tools: readonly T[], context: z.RefinementCtx): void =>
    refusing(
      context,
      () => callGrammar(tools.map(toolOf)),
      ([index, ...path]) => (index === undefined ? [] : [index, ...place, ...path]),
    )
