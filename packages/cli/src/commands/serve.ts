import { fileURLToPath } from 'node:url'
import { amount, defineCommand, memoryUnits, oneOf, timeUnits, wholeNumber } from '../command.ts'
import { localized } from '../language.ts'
import { modelFolder, modelName, modelOption, processorFrom, processorOptions } from '../models.ts'

const page = fileURLToPath(new URL('../../../../apps/web/dist', import.meta.url))

export const serve = defineCommand({
  name: 'serve',
  summary: { ko: '채팅 페이지와 OpenAI 호환 API를 엽니다', en: 'serve the chat page and an OpenAI-compatible API' },
  operands: [],
  options: {
    model: modelOption,
    config: {
      value: 'FILE',
      help: {
        ko: '요청을 넘길 다른 서버들을 적은 설정 파일 (docs/clusters.md). -m이 없으면 여기서는 모델을 돌리지 않습니다',
        en: 'configuration with other servers to pass requests to (docs/clusters.md); without -m no model runs here',
      },
    },
    port: { value: 'PORT', help: { ko: '포트 (기본: 8080)', en: 'port (default: 8080)' } },
    host: {
      value: 'ADDRESS',
      help: {
        ko: '받을 주소 (기본: 127.0.0.1, 이 컴퓨터만; 0.0.0.0: 모두. 키가 있어야 합니다: modu keys)',
        en: 'address to listen on (default: 127.0.0.1, this machine only; 0.0.0.0: all, which needs a key: modu keys)',
      },
    },
    'allow-host': {
      value: 'NAME',
      help: {
        ko: '이 컴퓨터의 프록시가 쓰는 이름으로 온 요청도 받습니다',
        en: 'also answer requests under this name, that of a proxy on this machine',
      },
    },
    cache: {
      value: 'SIZE',
      help: {
        ko: '대화를 담아 둘 캐시의 크기, 모델마다 (예: 512MB, 2GiB; 기본: 512MiB)',
        en: 'memory for the cache of each model, such as 512MB or 2GiB (default: 512MiB)',
      },
    },
    deadline: {
      value: 'TIME',
      help: {
        ko: '답변 하나에 걸려도 되는 시간, 기다리는 시간 포함 (예: 90s, 10m; 기본: 1h)',
        en: 'how long an answer may take, waiting included, such as 90s or 10m (default: 1h)',
      },
    },
    log: {
      value: 'LEVEL',
      help: {
        ko: '표준 오류에 남길 기록: error (기본), info (요청마다), debug (사람들이 쓴 글까지)',
        en: 'log on standard error: error (default), info (every request), debug (also what people write)',
      },
    },
    ...processorOptions,
  },
  notes: {
    ko: '예: curl http://127.0.0.1:8080/v1/models',
    en: 'Example: curl http://127.0.0.1:8080/v1/models',
  },
  async run(_, options) {
    const port = wholeNumber('port', options.port, 0)
    const cacheBytes = amount('cache', options.cache, memoryUnits)
    const deadline = amount('deadline', options.deadline, timeUnits)
    const {
      checkHost,
      checkpoints,
      EngineThread,
      Keys,
      logLevels,
      openDatabase,
      readGatewayConfig,
      serve,
      stopOnSignals,
    } = await import('@modu/serve')
    const logLevel = oneOf('log', options.log, logLevels)
    const database = await openDatabase()
    // Before the model is loaded, which takes a while.
    if (options.host !== undefined) await checkHost(options.host, new Keys(database))
    const gateway = options.config === undefined ? undefined : readGatewayConfig(options.config)
    const processor = processorFrom(options)
    const folder = gateway && options.model === undefined ? undefined : modelFolder(options.model)
    const source = folder === undefined ? undefined : checkpoints({ [modelName(folder)]: folder }, processor)
    const engine = source && (await EngineThread.start({ source, limits: { cacheBytes } }))
    const server = await serve({
      engine,
      gateway,
      port,
      host: options.host,
      page,
      deadline,
      database,
      logLevel,
      allowedHosts: options['allow-host'] === undefined ? [] : [options['allow-host']],
    })
    stopOnSignals(server)
    process.stdout.write(
      localized({
        ko: `준비됐습니다. 브라우저에서 열어 보세요: ${server.url}\n끝내려면 Ctrl-C를 누르세요.\n`,
        en: `Ready: open ${server.url} in your browser.\nCtrl-C stops.\n`,
      }),
    )
    return new Promise(() => {})
  },
})
