import { existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Device, sizeOf, type Tensor } from '@modu/engine'
import { configToText, type ModelConfig, readConfig, type StoredDType } from './config.ts'
import { ModelError } from './errors.ts'
import { weightsOf } from './families.ts'
import { readJson, writeFileAtomic } from './files.ts'
import type { LanguageModel } from './languageModel.ts'
import { SafetensorsFile, type TensorInfo, type WritableTensor, writeSafetensors } from './safetensors.ts'
import type { StoredTensor, WeightSpec } from './weights.ts'

const weightsFile = 'model.safetensors'
const indexFile = 'model.safetensors.index.json'

/** A Hugging Face checkpoint folder: `config.json` and `model.safetensors`, or shards with an index. */
export class Checkpoint {
  readonly folder: string
  readonly config: ModelConfig
  private readonly files: readonly SafetensorsFile[]
  private readonly fileOf = new Map<string, SafetensorsFile>()

  /** Opens the folder and reads the files' headers; `config` may come from elsewhere. Errors: `missing`, `format`, `config`. */
  constructor(folder: string, config?: ModelConfig) {
    this.folder = folder
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new ModelError('missing', `there is no checkpoint folder ${folder}; check the path`)
    this.config = config ?? readConfig(folder)
    const index = readIndex(folder)
    const names = index ? [...new Set(index.values())] : [weightsFile]
    const files: SafetensorsFile[] = []
    this.files = files
    try {
      for (const name of names) files.push(openShard(folder, name, index !== undefined))
      const opened = new Map(names.map((name, i) => [name, files[i]!]))
      if (index) for (const [tensor, name] of index) this.fileOf.set(tensor, opened.get(name)!)
      else for (const tensor of files[0]!.tensors.keys()) this.fileOf.set(tensor, files[0]!)
      for (const [tensor, file] of this.fileOf) {
        if (!file.tensors.has(tensor))
          throw new ModelError(
            'missing',
            `${indexFile} says that ${file.path} holds "${tensor}", but it does not; fetch both again`,
          )
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The tensors' names, as published. */
  get names(): Iterable<string> {
    return this.fileOf.keys()
  }

  has(name: string): boolean {
    return this.fileOf.has(name)
  }

  info(name: string): TensorInfo {
    return this.file(name).info(name)
  }

  /** Reads a stored tensor into `target` from element `at` on. A `shape` error if its shape is another. */
  readInto({ name, shape }: StoredTensor, target: Tensor, at: number): void {
    const file = this.file(name)
    const stored = file.info(name).shape
    if (stored.join() !== shape.join())
      throw new ModelError(
        'shape',
        `${file.path}: tensor "${name}" has the shape [${stored}], but the configuration asks for [${shape}]; ` +
          'config.json and weights belong to different models',
      )
    file.readInto(name, target.reals, at)
  }

  close(): void {
    for (const file of this.files) file.close()
  }

  private file(name: string): SafetensorsFile {
    const file = this.fileOf.get(name)
    if (!file)
      throw new ModelError(
        'missing',
        `${this.folder} has no tensor "${name}"; is config.json the one that belongs to these weights?`,
      )
    return file
  }
}

/** Tensor name → file name, from the index; undefined for a checkpoint in one file. */
function readIndex(folder: string): Map<string, string> | undefined {
  const path = join(folder, indexFile)
  if (!existsSync(path)) return undefined
  const index = readJson(path)
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined
  if (typeof map !== 'object' || map === null || Object.values(map).some(v => typeof v !== 'string' || /[/\\]/.test(v)))
    throw new ModelError('format', `${path} has no weight_map from tensors to files; fetch it again`)
  return new Map(Object.entries(map as Record<string, string>))
}

function openShard(folder: string, name: string, sharded: boolean): SafetensorsFile {
  const path = join(folder, name)
  if (existsSync(path)) return new SafetensorsFile(path)
  const what = sharded ? `the shard ${path}, which ${indexFile} names, is missing` : `there is no ${path}`
  throw new ModelError('missing', `${what}; download it, or give the folder that holds it`)
}

/** Loads every weight onto a device. Errors: `missing` or `shape` for a tensor, `config` for quantized weights. */
export function loadWeights(checkpoint: Checkpoint, specs: readonly WeightSpec[], device: Device): Map<string, Tensor> {
  const missing = specs.flatMap(spec => (spec.buffer ? [] : spec.stored().filter(({ name }) => !checkpoint.has(name))))
  if (missing.length > 0)
    throw new ModelError(
      'missing',
      `${checkpoint.folder} has no tensor "${missing[0]!.name}"${missing.length > 1 ? ` (and ${missing.length - 1} more)` : ''}; ` +
        'is config.json the one that belongs to these weights, and is every shard in the index?',
    )
  const weights = new Map<string, Tensor>()
  try {
    for (const spec of specs) {
      const tensor = device.persistent(spec.shape)
      weights.set(spec.name, tensor)
      let at = 0
      for (const stored of spec.stored()) {
        if (checkpoint.has(stored.name)) checkpoint.readInto(stored, tensor, at)
        at += sizeOf(stored.shape)
      }
    }
  } catch (error) {
    for (const tensor of weights.values()) device.release(tensor)
    throw error
  }
  return weights
}

export interface SaveOptions {
  /** What the weights are stored as (correction biases always as float32); the configuration's by default. */
  readonly dtype?: Exclude<StoredDType, 'float16'>
  /** Bytes a file may have before the weights are split over several with an index; 5 GB by default. */
  readonly shardBytes?: number
}

/**
 * Writes a model as a Hugging Face checkpoint with the published names, so that transformers, vLLM and others can read
 * it: weights, index if there are several files, `config.json`. Each file is written atomically, `config.json` last; what
 * would say otherwise (an index, or weights in one file, of an earlier checkpoint) is removed.
 */
export function saveCheckpoint(model: LanguageModel, folder: string, options: SaveOptions = {}): void {
  const dtype = options.dtype ?? (model.config.dtype === 'float32' ? 'float32' : 'bfloat16')
  const shards = splitIntoShards(storedTensors(model, dtype), options.shardBytes ?? 5e9)
  if (shards.length === 1) {
    writeSafetensors(join(folder, weightsFile), shards[0]!)
    rmSync(join(folder, indexFile), { force: true })
  } else {
    const weightMap: Record<string, string> = {}
    let totalSize = 0
    for (const [i, shard] of shards.entries()) {
      const number = (n: number) => String(n).padStart(5, '0')
      const name = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
      writeSafetensors(join(folder, name), shard)
      for (const tensor of shard) {
        weightMap[tensor.name] = name
        totalSize += bytesOf(tensor)
      }
    }
    const index = { metadata: { total_size: totalSize }, weight_map: weightMap }
    writeFileAtomic(join(folder, indexFile), `${JSON.stringify(index, null, 2)}\n`)
    rmSync(join(folder, weightsFile), { force: true })
  }
  writeFileAtomic(join(folder, 'config.json'), configToText(model.config, dtype))
}

/** The model's weights as a checkpoint stores them: published names, experts one by one. */
function storedTensors(model: LanguageModel, dtype: StoredDType): WritableTensor[] {
  return weightsOf(model.config).flatMap(spec => {
    const tensor = (spec.buffer ? model.buffers : model.parameters).get(spec.name)!
    let at = 0
    return spec.stored().map(({ name, shape }) => {
      const from = at
      at += sizeOf(shape)
      const data = tensor.data.subarray(from, at)
      return { name, shape, data, dtype: dtype === 'float32' || spec.buffer ? ('F32' as const) : ('BF16' as const) }
    })
  })
}

const bytesOf = ({ shape, dtype }: WritableTensor): number => sizeOf(shape) * (dtype === 'F32' ? 4 : 2)

function splitIntoShards(tensors: readonly WritableTensor[], limit: number): WritableTensor[][] {
  const shards: WritableTensor[][] = [[]]
  let bytes = 0
  for (const tensor of tensors) {
    if (bytes + bytesOf(tensor) > limit && bytes > 0) {
      shards.push([])
      bytes = 0
    }
    shards.at(-1)!.push(tensor)
    bytes += bytesOf(tensor)
  }
  return shards
}
