import { parseArgs } from 'node:util'
import { UsageError } from './errors.ts'
import { localized, type Text } from './language.ts'

export interface Option {
  readonly help: Text
  readonly short?: string
  /** What the value is called in the help, such as `PORT`; an option without is a switch. */
  readonly value?: string
}

export interface Operand {
  readonly name: string
  readonly help: Text
  readonly optional?: boolean
  /** It may be given several times; only the last operand of a command may. */
  readonly many?: boolean
}

type Options = Readonly<Record<string, Option>>

/** The values given: a string or undefined for an option with a value, true or false for a switch. */
type Given<O extends Options> = {
  readonly [K in keyof O]: O[K] extends { value: string } ? string | undefined : boolean
}
type AnyGiven = Readonly<Record<string, string | boolean | undefined>>

/** One command of `modu`: what the help says about it, and what it does. */
export interface Command<O extends Options = Options, G = AnyGiven> {
  readonly name: string
  readonly summary: Text
  readonly operands: readonly Operand[]
  readonly options: O
  /** Further lines of the help: examples, what a result means. */
  readonly notes?: Text
  /** Returns the exit code. Missing operands are refused before. */
  run(operands: readonly string[], options: G): Promise<number>
}

/** Commands under a common name, such as `modu data make`. */
export interface CommandGroup {
  readonly name: string
  readonly summary: Text
  readonly commands: readonly Command[]
}

/** Options of every command. */
const common = {
  lang: { value: 'ko|en', help: { ko: '메시지의 언어', en: 'language of messages' } },
  help: { short: 'h', help: { ko: '이 도움말', en: 'this help' } },
} satisfies Options

/** Ties the type of `run` to the options beside it. */
export const defineCommand = <const O extends Options>(command: Command<O, Given<O>>): Command =>
  command as unknown as Command

/** Runs `command` with what stands behind its name on the command line; throws a UsageError before anything happens. */
export async function runCommand(command: Command | CommandGroup, args: readonly string[]): Promise<number> {
  if ('commands' in command) return await runInGroup(command, args)
  const { values, positionals } = parse(command, args)
  if (values.help) {
    process.stdout.write(commandHelp(command))
    return 0
  }
  const missing = command.operands.slice(positionals.length).find(operand => !operand.optional)
  if (missing) throw new UsageError({ ko: `${missing.name}이(가) 빠졌습니다.`, en: `${missing.name} is missing.` })
  const extra = positionals[command.operands.length]
  if (extra !== undefined && !command.operands.at(-1)?.many) {
    throw new UsageError({ ko: `인자가 너무 많습니다: ${extra}`, en: `one argument too many: ${extra}` })
  }
  return await command.run(positionals, values)
}

async function runInGroup(group: CommandGroup, [name, ...behind]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h') {
    const usage = localized({
      ko: `사용법: modu ${group.name} 명령 [옵션]`,
      en: `Usage: modu ${group.name} COMMAND [options]`,
    })
    const rows = group.commands.map(({ name, summary }) => [name, summary] as const)
    process.stdout.write(`${localized(group.summary)}\n\n${usage}\n\n${table(rows)}`)
    return name === undefined ? 2 : 0
  }
  const command = group.commands.find(command => command.name === name)
  if (!command) {
    throw new UsageError({
      ko: `모르는 명령입니다: ${group.name} ${name}`,
      en: `unknown command: ${group.name} ${name}`,
    })
  }
  return await runCommand({ ...command, name: `${group.name} ${name}` }, behind)
}

function parse(command: Command, args: readonly string[]) {
  const all: Options = { ...command.options, ...common }
  const options = Object.fromEntries(
    Object.entries(all).map(([name, option]) => [
      name,
      { type: option.value ? ('string' as const) : ('boolean' as const), ...(option.short && { short: option.short }) },
    ]),
  )
  // Not strict, so that the messages are ours: the tokens say what each argument was taken for.
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values: Record<string, string | boolean | undefined> = {}
  for (const [name, option] of Object.entries(all)) values[name] = option.value ? undefined : false
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = all[token.name]
    if (!option) {
      throw new UsageError({ ko: `모르는 옵션입니다: ${token.rawName}`, en: `unknown option: ${token.rawName}` })
    }
    if (option.value && token.value === undefined) {
      throw new UsageError({
        ko: `${token.rawName}에 값이 필요합니다: ${token.rawName} ${option.value}`,
        en: `${token.rawName} needs a value: ${token.rawName} ${option.value}`,
      })
    }
    if (!option.value && token.value !== undefined) {
      throw new UsageError({
        ko: `${token.rawName}은(는) 값을 받지 않습니다: ${token.value}`,
        en: `${token.rawName} takes no value: ${token.value}`,
      })
    }
    values[token.name] = option.value ? token.value : true
  }
  return { values, positionals }
}

/** The help of one command, as printed by `modu COMMAND --help`. */
export function commandHelp(command: Command): string {
  const operands = command.operands.map(operand => {
    const name = operand.many ? `${operand.name}…` : operand.name
    return operand.optional ? `[${name}]` : name
  })
  const usage = ['modu', command.name, ...operands, localized({ ko: '[옵션]', en: '[options]' })].join(' ')
  const rows = [
    ...command.operands.map(operand => [operand.name, operand.help] as const),
    ...Object.entries({ ...command.options, ...common } as Options).map(
      ([name, option]) => [optionName(name, option), option.help] as const,
    ),
  ]
  const notes = command.notes ? `\n${localized(command.notes)}\n` : ''
  return `${localized(command.summary)}\n\n${localized({ ko: '사용법', en: 'Usage' })}: ${usage}\n\n${table(rows)}${notes}`
}

/** Rows of a help text: the left column is ASCII, so counting characters aligns it. */
export function table(rows: readonly (readonly [string, Text])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `  ${left.padEnd(width)}  ${localized(help)}\n`).join('')
}

const optionName = (name: string, { short, value }: Option): string =>
  `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`

/** A whole number of at least `least`, given as the option `--name`; undefined stays undefined. */
export function wholeNumber(name: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (value.trim() === '' || !Number.isSafeInteger(number) || number < least) {
    throw new UsageError({
      ko: `--${name}에는 ${least} 이상의 정수가 필요합니다: ${value}`,
      en: `--${name} needs a whole number of at least ${least}: ${value}`,
    })
  }
  return number
}

/** A number between `from` and `to`, given as the option `--name`; undefined stays undefined. */
export function numberBetween(name: string, value: string | undefined, from: number, to: number): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (value.trim() === '' || !(number >= from && number <= to)) {
    throw new UsageError({
      ko: `--${name}에는 ${from}에서 ${to} 사이의 수가 필요합니다: ${value}`,
      en: `--${name} needs a number from ${from} to ${to}: ${value}`,
    })
  }
  return number
}

/** Units of `amount`: bytes, and milliseconds. */
export const memoryUnits = { kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
export const timeUnits = { s: 1000, m: 60_000, h: 3_600_000 }

/** A number with one of `units` behind it, such as `512MB`, given as the option `--name`; undefined stays undefined. */
export function amount(
  name: string,
  value: string | undefined,
  units: Readonly<Record<string, number>>,
): number | undefined {
  if (value === undefined) return undefined
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(value) ?? []
  const size = Object.entries(units).find(([name]) => name.toLowerCase() === unit?.toLowerCase())?.[1]
  if (size === undefined || Number(number) === 0) {
    const list = Object.keys(units).join(', ')
    throw new UsageError({
      ko: `--${name}에는 단위(${list})가 붙은 0보다 큰 수가 필요합니다: ${value}`,
      en: `--${name} needs a number above 0 with a unit (${list}): ${value}`,
    })
  }
  return Math.round(Number(number) * size)
}

/** One of `choices`, given as the option `--name`; undefined stays undefined. */
export function oneOf<T extends string>(name: string, value: string | undefined, choices: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const choice = choices.find(each => each === value)
  if (choice === undefined) {
    const list = choices.join(', ')
    throw new UsageError({
      ko: `--${name}에 쓸 수 있는 값은 ${list}입니다: ${value}`,
      en: `--${name} takes one of ${list}: ${value}`,
    })
  }
  return choice
}
