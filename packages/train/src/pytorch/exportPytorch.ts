import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shard } from '@modu/data'
import { createModel, loadModel, releaseModel, saveCheckpoint, saveTokenizerFiles, writeFileAtomic } from '@modu/model'
import { TrainError } from '../errors.ts'
import { sampling } from '../exportModel.ts'
import { modelConfig } from '../modelConfig.ts'
import { planRun } from '../plannedRun.ts'
import { type PreparedData, prepareData } from '../prepare.ts'
import type { FinetuneRecipe, PretrainRecipe, Recipe } from '../recipe.ts'
import { openRunFolder } from '../runFolder.ts'
import type { TrainOptions } from '../train.ts'
import { finetuneData, pretrainData } from '../trainingData.ts'
import { tokenBytes } from '../validation.ts'
import { type Plan, planOf, tokenStream } from './plan.ts'

const template = join(import.meta.dirname, 'template')
const modelFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
]

/**
 * Prepares the data as `train` does, but instead of training writes RUN/pytorch: a folder that trains the same model on
 * the same tokens, step by step, with PyTorch and transformers (its README.md says how). Returns the folder.
 * Errors: as `train`; a `recipe` error for what the script does not know.
 */
export async function exportPytorch(recipePath: string, options: TrainOptions): Promise<string> {
  const planned = await planRun(recipePath, options)
  const { recipe, start, root } = planned
  requireKnown(recipe)
  const run = openRunFolder(root, recipe, start)
  try {
    const emit = options.onProgress ?? (() => {})
    const data = await prepareData(recipe, run, planned, emit, start)
    const folder = join(run.root, 'pytorch')
    emit({ kind: 'phase', phase: 'export' })

    const config = modelConfig(recipe, data)
    const { device } = options
    const model = start ? loadModel(start.folder, device) : createModel(config, device, { seed: recipe.seed })
    saveCheckpoint(model, folder, { dtype: 'float32' })
    releaseModel(model)
    saveTokenizerFiles(folder, data.tokenizer, data.template, sampling)
    const IdArray = data.tokenizer.vocabularySize <= 65536 ? Uint16Array : Uint32Array
    const stages = writeData(join(folder, 'data'), recipe, data, IdArray)
    const { name, seed, validation } = recipe
    const settings = { name, seed, validation, tokenBytes: IdArray.BYTES_PER_ELEMENT, modelFiles, stages }
    writeFileAtomic(join(folder, 'run.json'), `${JSON.stringify(settings, null, 2)}\n`)
    writeFileAtomic(join(folder, 'recipe.json'), readFileSync(join(run.root, 'recipe.json')))
    for (const file of readdirSync(template)) copyFileSync(join(template, file), join(folder, file))
    return folder
  } finally {
    run.release()
  }
}

/** The script leaves out what this engine alone does. */
function requireKnown({ pretrain, finetune }: Recipe): void {
  const refuse = (what: string): never => {
    throw new TrainError('recipe', `--engine pytorch ${what}`)
  }
  if (!pretrain && !finetune) refuse('trains the stages "pretrain" and "finetune", and the recipe has neither')
  for (const [name, stage] of Object.entries({ pretrain, finetune })) {
    if (stage && stage.mtpWeight > 0)
      refuse(`has no multi-token prediction: take "${name}.mtpWeight" out of the recipe`)
  }
}

/** Writes tokens and plans; returns what run.json says of the stages. */
function writeData(
  folder: string,
  recipe: Recipe,
  { corpus, tokenizer }: PreparedData,
  IdArray: typeof Uint16Array | typeof Uint32Array,
): object[] {
  const { shards, places } = tokenStream(corpus)
  const ids = pieces(shards, (shard, from, to) => bytesOf(IdArray.from(shard.ids(from, to))))
  const counted = pieces(shards, (shard, from, to) => Uint8Array.from(shard.counted(from, to)))
  writeFileAtomic(join(folder, 'tokens.bin'), ids)
  writeFileAtomic(join(folder, 'counted.bin'), counted)
  writeFileAtomic(join(folder, 'lengths.bin'), bytesOf(tokenBytes(tokenizer)))
  const { pretrain, finetune, seed, validation } = recipe
  const describe = (name: string, stage: PretrainRecipe | FinetuneRecipe, plan: Plan, rest: object) => {
    writeFileAtomic(join(folder, `${name}.segments.bin`), bytesOf(plan.segments))
    writeFileAtomic(join(folder, `${name}.steps.bin`), bytesOf(plan.steps))
    return { name, ...stage, ...rest, heldOut: plan.heldOut }
  }
  const plan = (data: Parameters<typeof planOf>[0], steps: number) => planOf(data, steps, validation.tokensPerSource)
  return [
    ...(pretrain
      ? [
          describe('pretrain', pretrain, plan(pretrainData(places, pretrain, seed), pretrain.steps), {
            rowLength: rowLength(pretrain.sequenceLength),
            everyToken: true,
          }),
        ]
      : []),
    ...(finetune
      ? [
          describe('finetune', finetune, plan(finetuneData(places, finetune, seed), finetune.steps), {
            rowLength: rowLength(finetune.maxLength),
            everyToken: false,
          }),
        ]
      : []),
  ]
}

/** Tokens copied at once. */
const pieceLength = 1 << 16

/** What `copy` makes of the shards, a piece at a time. */
function* pieces<T>(shards: readonly Shard[], copy: (shard: Shard, from: number, to: number) => T): Generator<T> {
  for (const shard of shards) {
    for (let from = 0; from < shard.tokens; from += pieceLength) {
      yield copy(shard, from, Math.min(shard.tokens, from + pieceLength))
    }
  }
}

/** Attention kernels want rows of a multiple of 8 tokens. */
const rowLength = (longest: number): number => Math.ceil(longest / 8) * 8

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
