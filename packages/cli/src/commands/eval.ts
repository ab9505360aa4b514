import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EvalProgress, EvalReport, HeldOut } from '@modu/eval'
import type { ToolDefinition } from '@modu/model'
import { defineCommand, wholeNumber } from '../command.ts'
import { CommandError, UsageError } from '../errors.ts'
import { language, localized } from '../language.ts'
import { loadChatModel, modelFolder, modelName, processorFrom, processorOptions } from '../models.ts'
import { writeOver } from '../statusLine.ts'

export const evaluate = defineCommand({
  name: 'eval',
  summary: { ko: '모델을 평가합니다', en: 'measure a model' },
  operands: [
    {
      name: 'MODEL',
      optional: true,
      help: { ko: '모델 폴더 (기본: models/nano)', en: 'folder of the model (default: models/nano)' },
    },
  ],
  options: {
    text: {
      value: 'NAME=FILE,…',
      help: { ko: '글마다 {text}인 파일: 비트/바이트', en: 'files of rows {text}: bits per byte' },
    },
    nli: {
      value: 'FILE,…',
      help: { ko: '자연어 추론 (KLUE-NLI, KorNLI): 정확도', en: 'inference (KLUE-NLI, KorNLI): accuracy' },
    },
    sts: {
      value: 'FILE,…',
      help: { ko: '문장 유사도 (KLUE-STS, KorSTS): 상관계수', en: 'similarity (KLUE-STS, KorSTS): correlation' },
    },
    recipe: {
      value: 'FILE',
      help: {
        ko: '모델을 만든 레시피: 학습이 남겨 둔 글과 대화로 출처마다 비트/바이트',
        en: 'the recipe that made the model: bits per byte of what training held out, by source',
      },
    },
    data: {
      value: 'FOLDER',
      help: { ko: '레시피에 적힌 것 대신 쓸 자료 폴더', en: 'data folder in the place of the one the recipe names' },
    },
    sources: {
      value: 'NAME,…',
      help: { ko: '레시피의 출처 가운데 이것들만', en: "only these of the recipe's sources" },
    },
    conversations: {
      value: 'N',
      help: {
        ko: '레시피가 남겨 둔 대화의 첫마디 N개에 답하게 합니다 (0이면 모두)',
        en: 'have it answer N beginnings of conversations that the recipe held out (0 for all)',
      },
    },
    exercises: {
      value: 'N',
      help: {
        ko: '학습에 없는 문제를 종류마다 N개 만들어, 바로 답할 때와 생각할 때 맞히는지 봅니다',
        en: 'N made exercises of each kind, none of them in training: right answers directly and thinking',
      },
    },
    prompts: {
      value: 'FILE',
      help: {
        ko: '한 줄에 하나씩 물을 것, 또는 준비된 질문들을 뜻하는 built-in (다른 것을 고르지 않으면 built-in)',
        en: 'prompts, one a line, or the word built-in for ours (which is the default if nothing else is asked for)',
      },
    },
    refusals: {
      help: {
        ko: '해로운 부탁을 거절하는지, 위급한 사람에게 도움받을 곳을 알려 주는지 봅니다',
        en: 'whether it refuses to do harm, and sends people in need to help',
      },
    },
    all: {
      help: {
        ko: '--exercises 100 --prompts built-in --refusals, 레시피가 있으면 --conversations 100',
        en: '--exercises 100 --prompts built-in --refusals, and --conversations 100 with a recipe',
      },
    },
    compare: {
      value: 'MODEL',
      help: {
        ko: '기준으로 함께 잴 다른 모델 폴더, 또는 --json으로 저장해 둔 보고서',
        en: 'a model to measure beside it as a baseline, or a report that --json printed',
      },
    },
    limit: {
      value: 'N',
      help: {
        ko: '파일이나 출처마다 많아야 N개를 시드로 골고루 뽑습니다 (기본: 1000, 0이면 모두)',
        en: 'at most N of each file or source, drawn evenly by the seed (default: 1000, 0 for all)',
      },
    },
    seed: {
      value: 'N',
      help: { ko: '같은 수는 같은 결과를 냅니다 (기본: 1)', en: 'the same number gives the same report (default: 1)' },
    },
    answers: {
      value: 'FILE',
      help: {
        ko: '물음과 답을 평가 칸이 빈 마크다운 표로 쓸 파일',
        en: 'write prompts and answers to this file as Markdown with an empty column for marks',
      },
    },
    html: { value: 'FILE', help: { ko: '그림이 든 보고서를 쓸 파일', en: 'write a report with charts to this file' } },
    ...processorOptions,
    json: { help: { ko: 'JSON으로 출력합니다', en: 'print JSON' } },
  },
  notes: {
    ko: `파일은 JSON 줄, JSON 배열, .tsv이며 .gz도 읽습니다. 추론과 유사도는 예시 없이 우도로 잽니다. 구간은 95% 부트스트랩입니다.
예: modu eval models/nano --recipe recipes/nano.json --all --nli klue-nli-dev.json.gz --answers answers.md --html report.html`,
    en: `Files are JSON lines, a JSON array or .tsv, also .gz. Inference and similarity go by likelihood, without examples. Intervals are 95% bootstrap.
Example: modu eval models/nano --recipe recipes/nano.json --all --nli klue-nli-dev.json.gz --answers answers.md --html report.html`,
  },
  async run([model], options) {
    const processor = processorFrom(options)
    const limit = wholeNumber('limit', options.limit, 0) ?? 1000
    const seed = wholeNumber('seed', options.seed, 0) ?? 1
    const files = { texts: namedFiles(options.text), nli: list(options.nli), sts: list(options.sts) }
    const byDefault = (value: number | undefined) => value ?? (options.all ? 100 : undefined)
    const exercises = byDefault(wholeNumber('exercises', options.exercises, 1))
    const asked = wholeNumber('conversations', options.conversations, 0)
    const needRecipe = [asked, options.data, options.sources]
    if (options.recipe === undefined && needRecipe.some(value => value !== undefined)) {
      throw new UsageError({
        ko: '--conversations, --data, --sources에는 --recipe가 필요합니다.',
        en: '--conversations, --data and --sources need --recipe.',
      })
    }
    const conversations = options.recipe === undefined ? undefined : byDefault(asked)
    const refusals = options.refusals || options.all
    const isNothingAsked =
      exercises === undefined && !refusals && !options.recipe && Object.values(files).every(each => each.length === 0)
    const prompts = options.prompts ?? (isNothingAsked || options.all ? 'built-in' : undefined)
    if (options.answers !== undefined && existsSync(options.answers)) {
      throw new CommandError({
        ko: `이미 있는 파일입니다: ${options.answers}. 적어 둔 평가를 지우지 않도록 다른 이름을 적어 주세요.`,
        en: `${options.answers} exists already, perhaps with marks in it: choose another name.`,
      })
    }
    const folder = modelFolder(model)
    const isReport = options.compare?.endsWith('.json')
    const other = options.compare === undefined || isReport ? undefined : modelFolder(options.compare)
    const [{ answersTable, evaluate, readReport, reportPage, reportTable, withComparison }, { writeFileAtomic }] =
      await Promise.all([import('@modu/eval'), import('@modu/model')])
    const earlier = isReport ? readReport(options.compare!) : undefined
    const heldOut =
      options.recipe === undefined ? undefined : await heldOutBy(options.recipe, options.data, options.sources)
    const plan = {
      ...{ ...files, heldOut, exercises, prompts, conversations, refusals },
      tools: heldOut?.tools ?? (await toolsOfExercises()),
    }
    const measure = async (folder: string): Promise<EvalReport> => {
      const chat = await loadChatModel(folder, processor)
      const progress = new ProgressLine()
      try {
        return { ...(await evaluate(chat, plan, { limit, seed, onProgress: progress.show })), model: modelName(folder) }
      } finally {
        progress.clear()
        chat.close()
        await chat.model.device.close()
      }
    }
    const own = await measure(folder)
    const baseline = other === undefined ? earlier : await measure(other)
    // Two versions of a model have the same name; then the path tells them apart.
    const named = baseline?.model === own.model ? { ...baseline, model: options.compare! } : baseline
    const report = named === undefined ? own : withComparison(own, named)
    const table = () => `${report.model}\n\n${reportTable(report, language())}`
    process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : table())
    if (options.html !== undefined) writeFileAtomic(options.html, reportPage(report, language()))
    if (options.answers !== undefined) writeFileAtomic(options.answers, answersTable(report, language()))
    return 0
  },
})

/** What training by the recipe holds out of its data, or of the named sources, cleaned as training does. */
async function heldOutBy(recipePath: string, data: string | undefined, names: string | undefined): Promise<HeldOut> {
  const [{ heldOutDocuments }, { formatEvent, loadRecipe, readTools, sourcesToRead }] = await Promise.all([
    import('@modu/eval'),
    import('@modu/train'),
  ])
  const { recipe, recipeFolder, dataDirectory } = loadRecipe(recipePath)
  const directory = data ?? process.env.MODU_DATA ?? dataDirectory
  const used = sourcesToRead(recipe, recipeFolder)
  const wanted = names === undefined ? Object.keys(used) : list(names)
  const unknown = wanted.find(name => !Object.hasOwn(used, name))
  if (unknown !== undefined) {
    const known = Object.keys(used).join(', ')
    throw new UsageError({
      ko: `레시피가 쓰는 출처에 ${unknown}이(가) 없습니다. 있는 것: ${known}`,
      en: `the recipe uses no source ${unknown}; there are ${known}`,
    })
  }
  const begun = performance.now()
  const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }) => {
    const bytesPerSecond = (bytes / (performance.now() - begun)) * 1000
    const secondsLeft = (totalBytes - bytes) / bytesPerSecond
    writeOver(
      process.stderr,
      formatEvent({ kind: 'cleaning', bytes, totalBytes, bytesPerSecond, secondsLeft }, language()),
    )
  }
  try {
    // All are cleaned: copies are dropped over all of them, and prompts that any of them has in training are known.
    const heldOut = await heldOutDocuments(used, directory, {
      evaluationFiles: recipe.evaluationFiles,
      tools: readTools(recipe, directory).tools,
      ...(process.stderr.isTTY && { onProgress }),
    })
    return { ...heldOut, sources: heldOut.sources.filter(({ name }) => wanted.includes(name)) }
  } finally {
    if (process.stderr.isTTY) writeOver(process.stderr)
  }
}

/** The definitions of the tools that exercises offer. */
async function toolsOfExercises(): Promise<ReadonlyMap<string, ToolDefinition>> {
  const { readJson } = await import('@modu/model')
  const path = fileURLToPath(new URL('../../../../recipes/data/tools.json', import.meta.url))
  return new Map((readJson(path) as ToolDefinition[]).map(tool => [tool.function.name, tool]))
}

const list = (value: string | undefined): string[] => value?.split(',').filter(part => part !== '') ?? []

function namedFiles(value: string | undefined): { name: string; path: string }[] {
  return list(value).map(part => {
    const at = part.indexOf('=')
    if (at < 1 || at === part.length - 1) {
      throw new UsageError({
        ko: `--text에는 이름=파일이 필요합니다: ${part}`,
        en: `--text needs NAME=FILE: ${part}`,
      })
    }
    return { name: part.slice(0, at), path: part.slice(at + 1) }
  })
}

/** How often a log that is no terminal gets a line, in milliseconds. */
const logInterval = 5000

/** What is being measured, how fast, and how long it will still take, on standard error. */
class ProgressLine {
  #source = ''
  #begun = 0
  #shown = 0

  readonly show = ({ source, done, total }: EvalProgress): void => {
    const now = performance.now()
    if (source !== this.#source || done === 1) {
      this.#source = source
      this.#begun = now
    }
    const isTerminal = process.stderr.isTTY
    if (now - this.#shown < (isTerminal ? 100 : logInterval)) return
    this.#shown = now
    // The first item is when the clock started.
    const rate = done > 1 ? ((done - 1) / (now - this.#begun)) * 1000 : 0
    const seconds = rate > 0 ? Math.ceil((total - done) / rate) : undefined
    const line = localized({
      ko: `${source}: ${done}/${total}${seconds === undefined ? '' : `, 초당 ${rate.toPrecision(3)}개, ${seconds}초 남음`}`,
      en: `${source}: ${done}/${total}${seconds === undefined ? '' : `, ${rate.toPrecision(3)}/s, ${seconds} s left`}`,
    })
    if (isTerminal) writeOver(process.stderr, line)
    else process.stderr.write(`${line}\n`)
  }

  clear(): void {
    if (process.stderr.isTTY) writeOver(process.stderr)
  }
}
