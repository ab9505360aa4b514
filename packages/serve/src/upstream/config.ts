import { existsSync, readFileSync } from 'node:fs'
import { closest, distance } from 'fastest-levenshtein'
import { z } from 'zod'
import { ServeError } from '../errors.ts'

/** An object that has these fields and no others: an unknown one is named with the nearest right one. */
const fields = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: issue =>
      issue.code === 'unrecognized_keys' ? issue.keys.map(key => hint(key, Object.keys(shape))).join('; ') : undefined,
  })

function hint(key: string, known: readonly string[]): string {
  const nearest = closest(key, known)
  const isNear = distance(key, nearest) <= Math.ceil(key.length / 2)
  return `unknown field "${key}" (${isNear ? `did you mean "${nearest}"?` : `there are ${known.join(', ')}`})`
}

const seconds = (byDefault: number) =>
  z.number().gt(0, 'must be above 0 seconds').max(86_400, 'must be at most a day, 86400 seconds').default(byDefault)

const baseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an address such as http://vllm-0:8000/v1' })
  .refine(url => !new URL(url).username && !new URL(url).password, 'must not hold a password; use "apiKeyEnv"')
  .transform(url => url.replace(/\/+$/, ''))

const name = z.string().min(1, 'must not be empty')

const upstream = fields({
  /** As OpenAI's clients take it, so mostly with `/v1` at its end. */
  baseUrl,
  /** The variable of the environment that holds the server's key. */
  apiKeyEnv: name.optional(),
  /** What clients call a model → what this server calls it. */
  models: z
    .record(name, name)
    .refine(models => Object.keys(models).length > 0, 'must name at least one model: {"NAME": "NAME THERE"}'),
  /** How much it takes compared with the others that have the same model. */
  weight: z.number().positive('must be above 0').default(1),
  /**
   * Whether it is asked to say in every event of a stream how many tokens there are so far, so that one that breaks off is
   * counted exactly, too. vLLM and SGLang can; OpenAI's own API refuses it.
   */
  continuousUsage: z.boolean().default(false),
  timeouts: fields({
    connect: seconds(5),
    /** Until a stream's first event: waiting in its line and reading the prompt. */
    firstByte: seconds(120),
    /** Between two events of a stream. */
    idle: seconds(60),
    /** Until an answer in one piece is there. */
    whole: seconds(600),
  }).prefault({}),
  health: fields({
    /** From the root of the server, answered with 2xx by one that lives. */
    path: z.string().startsWith('/', 'must begin with /').default('/health'),
    every: seconds(5),
    timeout: seconds(2),
  }).prefault({}),
  circuit: fields({
    /** Failed requests in a row after which it gets no more. */
    failures: z.int().min(1, 'must be 1 or more').default(3),
    /** Until it is tried again with one request, doubled each time that this fails. */
    firstPause: seconds(1),
    longestPause: seconds(60),
  }).prefault({}),
})

const gatewayConfig = fields({
  upstreams: z
    .record(z.string().regex(/^[\w.-]+$/, 'letters, digits, ".", "_" and "-" only'), upstream)
    .refine(upstreams => Object.keys(upstreams).length > 0, 'must name at least one server'),
  /** On how many more servers a request is tried when one fails before its answer begins. */
  retries: z.int().min(0, 'must be 0 or more').default(2),
})

export type GatewayConfig = z.infer<typeof gatewayConfig>
export type UpstreamConfig = z.infer<typeof upstream>
/** As it is written, where what has a default may be left out. */
export type GatewayConfigFile = z.input<typeof gatewayConfig>

/** Checks a configuration; a ServeError `config-invalid` names every field that is wrong or unknown. */
export function parseGatewayConfig(value: unknown, path = 'config'): GatewayConfig {
  const { success, data, error } = gatewayConfig.safeParse(value)
  if (success) return data
  const lines = error.issues.map(issue => {
    const at = issue.path.join('.')
    // What is wrong with a name of a record, zod says one level deeper.
    const message = issue.code === 'invalid_key' ? issue.issues[0].message : issue.message
    return at === '' ? message : `"${at}": ${message}`
  })
  throw new ServeError('config-invalid', `${path}: ${lines.join('; ')}. See docs/clusters.md for the fields.`)
}

/** Reads a file such as docs/modu.example.json. Errors: ServeError `config-invalid`. */
export function readGatewayConfig(path: string): GatewayConfig {
  if (!existsSync(path)) {
    throw new ServeError(
      'config-invalid',
      `There is no file ${path}. docs/modu.example.json shows what one looks like.`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ServeError('config-invalid', `${path} is not valid JSON: ${(error as Error).message}.`, { cause: error })
  }
  return parseGatewayConfig(value, path)
}
