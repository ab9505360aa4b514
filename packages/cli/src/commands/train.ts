import type { Dashboard } from '@modu/dashboard'
import type { StageName, TrainEvent } from '@modu/train'
import { ensurePage } from '../../../../scripts/page.mjs'
import { defineCommand, oneOf, wholeNumber } from '../command.ts'
import { UsageError } from '../errors.ts'
import { language, localized } from '../language.ts'
import { processorFrom, processorOptions } from '../models.ts'
import { writeOver } from '../statusLine.ts'

const engines = ['native', 'pytorch'] as const
const stages: readonly StageName[] = ['pretrain', 'finetune', 'reinforce']

export const train = defineCommand({
  name: 'train',
  summary: { ko: '레시피대로 모델을 학습합니다', en: 'train a model by a recipe' },
  operands: [
    { name: 'RECIPE', help: { ko: '레시피 파일, 예: recipes/tiny.json', en: 'the recipe, such as recipes/tiny.json' } },
  ],
  options: {
    out: {
      value: 'FOLDER',
      help: { ko: '학습 폴더 (기본: runs/레시피 이름)', en: 'the run folder (default: runs/NAME of the recipe)' },
    },
    data: {
      value: 'FOLDER',
      help: { ko: '레시피에 적힌 것 대신 쓸 자료 폴더', en: 'data folder in the place of the one the recipe names' },
    },
    size: {
      value: 'N',
      help: {
        ko: 'N층짜리 모델에 맞춰 모양, 학습량, 학습률, 배치를 모두 정합니다 (6이면 nano)',
        en: 'sets shape, amount of training, learning rate and batch for a model of N layers (6 is nano)',
      },
    },
    from: {
      value: 'FOLDER',
      help: {
        ko: '시작할 모델(허깅 페이스 형식): 가중치와 토크나이저를 여기서 가져옵니다',
        en: "a model to begin with (Hugging Face's layout): weights and tokenizer come from it",
      },
    },
    stage: {
      value: 'STAGE',
      help: {
        ko: `--from과 함께: 레시피의 어느 단계부터 할지 (${stages.join(', ')})`,
        en: `with --from: the stage of the recipe to begin at (${stages.join(', ')})`,
      },
    },
    engine: {
      value: 'ENGINE',
      help: {
        ko: 'native(기본)는 여기서 학습하고, pytorch는 PyTorch로 학습할 폴더 RUN/pytorch를 만듭니다',
        en: 'native (default) trains here, pytorch writes RUN/pytorch, a folder to train with PyTorch elsewhere',
      },
    },
    dashboard: {
      help: { ko: '경과를 브라우저에서 볼 수 있게 합니다', en: 'show how it goes in the browser' },
    },
    port: { value: 'PORT', help: { ko: '--dashboard의 포트 (기본: 8090)', en: 'port of --dashboard (default: 8090)' } },
    ...processorOptions,
    json: {
      help: { ko: '진행 상황을 한 줄에 하나씩 JSON으로 출력합니다', en: 'print progress as one JSON object a line' },
    },
  },
  notes: {
    ko: '언제 멈추더라도 (Ctrl-C, 정전) 같은 명령으로 이어서 합니다. Ctrl-C를 두 번 누르면 저장하지 않고 멈춥니다.',
    en: 'However it is stopped (Ctrl-C, power failure), the same command goes on. Ctrl-C twice stops without saving.',
  },
  async run([recipe], options) {
    const processor = processorFrom(options)
    const port = wholeNumber('port', options.port, 0)
    if (port !== undefined && !options.dashboard) {
      throw new UsageError({
        ko: '--port는 --dashboard와 함께 씁니다.',
        en: '--port goes with --dashboard.',
      })
    }
    const stage = oneOf('stage', options.stage, stages)
    const engine = oneOf('engine', options.engine, engines)
    const [{ createCpuDevice }, { exportPytorch, formatEvent, loadRecipe, train }] = await Promise.all([
      import('@modu/engine'),
      import('@modu/train'),
    ])
    const progress = options.json ? printJson : new ProgressPrinter(event => formatEvent(event, language())).print
    const stop = stopOnSignals()
    const { precision } = loadRecipe(recipe!).recipe
    const dashboard = options.dashboard ? await openDashboard(options.out, port) : undefined
    if (dashboard) {
      const { url } = dashboard
      const words = { ko: `브라우저에서 경과를 볼 수 있습니다: ${url}`, en: `Watch it in your browser: ${url}` }
      process.stdout.write(`${options.json ? JSON.stringify({ kind: 'dashboard', url }) : localized(words)}\n`)
    }
    const device = createCpuDevice({ ...processor, ...(precision && { precision }) })
    try {
      const trainOptions = {
        device,
        runFolder: options.out,
        dataDirectory: options.data,
        size: wholeNumber('size', options.size, 2),
        from: options.from,
        stage,
        signal: stop.signal,
        onProgress: progress,
      }
      if (engine === 'pytorch') {
        const folder = await exportPytorch(recipe!, trainOptions)
        const hint = { ko: `학습하기: python ${folder}/train.py`, en: `Train it: python ${folder}/train.py` }
        if (!options.json) process.stdout.write(`${localized(hint)}\n`)
        return 0
      }
      const result = await train(recipe!, trainOptions)
      if (result.model === undefined) return 130
      if (!options.json) {
        const hint = {
          ko: `대화해 보기: npx modu chat -m ${result.model}`,
          en: `Chat with it: npx modu chat -m ${result.model}`,
        }
        process.stdout.write(`${localized(hint)}\n`)
      }
      return 0
    } finally {
      await dashboard?.close()
      await device.close()
    }
  },
})

/** Shows the runs of the folder in the browser, on a thread of its own: this one is busy. */
async function openDashboard(folder = 'runs', port?: number): Promise<Dashboard> {
  const { startDashboardThread } = await import('@modu/dashboard')
  return startDashboardThread({ folders: [folder], port, page: await ensurePage('apps/dashboard') })
}

const printJson = (event: TrainEvent): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** SIGINT and SIGTERM ask training to save and stop; the second one ends the process. */
function stopOnSignals(): AbortController {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130)
      stop.abort()
      process.stderr.write(
        localized({
          ko: '\n저장하고 멈춥니다. 한 번 더 누르면 바로 끝냅니다.\n',
          en: '\nSaving and stopping. Once more ends at once.\n',
        }),
      )
    })
  }
  return stop
}

/** How often a log that is no terminal gets a line about how far it is, in milliseconds. */
const logInterval = 5000

const isLast = (event: TrainEvent): boolean => event.kind === 'step' && event.metrics.step === event.totalSteps

/** Events as lines; in a terminal steps and progress share one line, in a log only one in some seconds is told. */
class ProgressPrinter {
  readonly #format: (event: TrainEvent) => string
  #stepLineOpen = false
  #lastLogged = 0

  constructor(format: (event: TrainEvent) => string) {
    this.#format = format
  }

  readonly print = (event: TrainEvent): void => {
    const line = this.#format(event)
    const passing = event.kind === 'step' || event.kind === 'cleaning'
    if (!passing) {
      process.stdout.write(`${this.#stepLineOpen ? '\n' : ''}${line}\n`)
      this.#stepLineOpen = false
    } else if (process.stdout.isTTY) {
      writeOver(process.stdout, line)
      this.#stepLineOpen = true
    } else if (Date.now() - this.#lastLogged >= logInterval || isLast(event)) {
      process.stdout.write(`${line}\n`)
      this.#lastLogged = Date.now()
    }
  }
}
