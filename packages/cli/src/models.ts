import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CpuOptions, CpuTarget } from '@modu/engine'
import type { ChatModel } from '@modu/model'
import { oneOf, wholeNumber } from './command.ts'
import { CommandError } from './errors.ts'

/** The model that comes with the repository. */
export const defaultModel = fileURLToPath(new URL('../../../models/nano', import.meta.url))

/** Option of the commands that answer with a model. */
export const modelOption = {
  short: 'm',
  value: 'FOLDER',
  help: { ko: '모델 폴더 (기본: models/nano)', en: 'folder of the model (default: models/nano)' },
} as const

const targets: readonly CpuTarget[] = ['auto', 'wasm', 'x64', 'x64-avx2', 'x64-avx512']

/** Options of the commands that compute. */
export const processorOptions = {
  threads: {
    value: 'N',
    help: { ko: '쓸 스레드 수 (기본: 코어 수)', en: 'threads to use (default: one a core)' },
  },
  target: {
    value: 'TARGET',
    help: {
      ko: `코드 생성기: ${targets.join(', ')} (기본: auto, 가장 빠른 것)`,
      en: `code generator: ${targets.join(', ')} (default: auto, the fastest)`,
    },
  },
} as const

/** What `processorOptions` say about the device. */
export function processorFrom(options: { threads?: string; target?: string }): CpuOptions {
  return {
    threads: wholeNumber('threads', options.threads, 1),
    target: oneOf('target', options.target, targets),
  }
}

/** The folder that `--model` names, which must exist, or the default one. */
export function modelFolder(given: string | undefined): string {
  const folder = resolve(given ?? defaultModel)
  if (!existsSync(folder)) {
    throw new CommandError({
      ko: `모델 폴더가 없습니다: ${folder}. -m 뒤에 config.json과 model.safetensors가 있는 폴더를 적어 주세요.`,
      en: `There is no model folder ${folder}. Give one that holds config.json and model.safetensors after -m.`,
    })
  }
  return folder
}

/** What clients and people call the model in `folder`: its name, or that of the run whose `model` it is. */
export const modelName = (folder: string): string =>
  basename(folder) === 'model' ? basename(dirname(folder)) : basename(folder)

/** Loads the model in `folder` onto the processor. Errors: those of loading it, each naming the file. */
export async function loadChatModel(folder: string, processor: CpuOptions): Promise<ChatModel> {
  const [{ createCpuDevice }, { ChatModel }] = await Promise.all([import('@modu/engine'), import('@modu/model')])
  return ChatModel.load(folder, createCpuDevice(processor))
}
