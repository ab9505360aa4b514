import packageJson from '../package.json' with { type: 'json' }
import { type Command, type CommandGroup, oneOf, runCommand, table } from './command.ts'
import { chat } from './commands/chat.ts'
import { data } from './commands/data.ts'
import { deploy } from './commands/deploy.ts'
import { doctor } from './commands/doctor.ts'
import { evaluate } from './commands/eval.ts'
import { keys } from './commands/keys.ts'
import { params } from './commands/params.ts'
import { runs } from './commands/runs.ts'
import { serve } from './commands/serve.ts'
import { train } from './commands/train.ts'
import { usage } from './commands/usage.ts'
import { verify } from './commands/verify.ts'
import { describeError, UsageError } from './errors.ts'
import { languages, localized, setLanguage, systemLanguage } from './language.ts'

const commands: readonly (Command | CommandGroup)[] = [
  chat,
  serve,
  keys,
  usage,
  train,
  runs,
  data,
  evaluate,
  verify,
  params,
  deploy,
  doctor,
]

// Whoever reads our output may have heard enough (`modu params … | head -1`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await main(process.argv.slice(2))

/** Runs what the command line says. Exit codes: 0 done, 1 failed, 2 the command line is wrong. */
async function main(args: readonly string[]): Promise<number> {
  setLanguage(systemLanguage(process.env))
  let command: Command | CommandGroup | undefined
  try {
    const rest = takeLanguage(args)
    const [name, ...behind] = rest
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      const topic = name === 'help' ? commandNamed(behind[0]) : undefined
      if (topic) return await runCommand(topic, ['--help'])
      process.stdout.write(overview())
      return name === undefined ? 2 : 0
    }
    if (name === '--version') {
      process.stdout.write(`${packageJson.version}\n`)
      return 0
    }
    command = commandNamed(name)
    return await runCommand(command!, behind)
  } catch (error) {
    process.stderr.write(`modu: ${describeError(error)}\n`)
    if (!(error instanceof UsageError)) return 1
    const help = `modu ${command ? `${command.name} ` : ''}--help`
    process.stderr.write(`${localized({ ko: '도움말', en: 'Help' })}: ${help}\n`)
    return 2
  }
}

/** Sets the language that `--lang` asks for, wherever it stands, and returns the other arguments. */
function takeLanguage(args: readonly string[]): readonly string[] {
  const at = args.findIndex(arg => arg === '--lang' || arg.startsWith('--lang='))
  if (at < 0) return args
  const joined = args[at]!.startsWith('--lang=')
  const value = joined ? args[at]!.slice('--lang='.length) : (args[at + 1] ?? '')
  setLanguage(oneOf('lang', value, languages)!)
  return args.toSpliced(at, joined ? 1 : 2)
}

function commandNamed(name: string | undefined): Command | CommandGroup | undefined {
  if (name === undefined) return undefined
  const found = commands.find(command => command.name === name)
  if (found) return found
  throw name.startsWith('-')
    ? new UsageError({ ko: `모르는 옵션입니다: ${name}`, en: `unknown option: ${name}` })
    : new UsageError({ ko: `모르는 명령입니다: ${name}`, en: `unknown command: ${name}` })
}

function overview(): string {
  const head = localized({
    ko: '모두(Modu): A.X K1 구조의 언어 모델을 배우고, 돌리고, 나누는 도구',
    en: 'Modu: train, run and serve language models of the A.X K1 architecture',
  })
  const usage = localized({ ko: '사용법: modu 명령 [옵션]', en: 'Usage: modu COMMAND [options]' })
  const more = localized({
    ko: '명령마다 modu 명령 --help 로 자세히 볼 수 있습니다. --lang en: English.',
    en: 'modu COMMAND --help tells more about one. --lang ko: Korean.',
  })
  return `${head}\n\n${usage}\n\n${table(commands.map(({ name, summary }) => [name, summary]))}\n${more}\n`
}
