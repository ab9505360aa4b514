import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { adamW, type Device, differentiate, gradientNorm, type Tensor } from '@modu/engine'
import { ModelError } from './errors.ts'
import { readJson } from './files.ts'
import { K1 } from './k1.ts'
import type { LanguageModel } from './languageModel.ts'
import { loadModel, releaseModel } from './loadModel.ts'
import { readSafetensors } from './safetensors.ts'
import { setTrainable } from './weights.ts'

export interface VerifyOptions {
  /** Checkpoint folder whose outputs are compared. */
  readonly checkpoint: string
  /** Folder with the weights, if `checkpoint` holds only a `config.json`. */
  readonly weights?: string
  /** Golden outputs: `forward.safetensors`, `train.safetensors`, `mtp.safetensors`, or a folder with some of them. */
  readonly golden: string
  readonly device: Device
  /** Largest difference of hidden states, logits, loss and trained weights; ten times that for gradients. Default 1e-4. */
  readonly tolerance?: number
}

/** One golden tensor and how far ours is from it. */
export interface Comparison {
  /** Name of the golden tensor, e.g. `case13.logits`; for tokens and cached decoding the `greedy` ones. */
  readonly name: string
  readonly shape: readonly number[]
  /** Largest absolute difference; for gradients divided by the tensor's largest entry; for tokens how many differ. */
  readonly error: number
  readonly tolerance: number
  readonly ok: boolean
}

type Golden = ReadonlyMap<string, { shape: readonly number[]; data: ArrayLike<number> }>

/**
 * Compares a checkpoint on this engine with golden outputs of the official implementation, tensor by tensor, in the
 * layout that `fixtures/README.md` describes: hidden states and logits of whole sequences, greedy continuation by cached
 * decoding, loss, gradients and weights after AdamW steps, multi-token prediction. Errors: as `loadModel`; `missing` if
 * there is nothing golden, `format` if the file is not laid out so.
 */
export function verify(options: VerifyOptions): Comparison[] {
  const { checkpoint, weights, device, tolerance = 1e-4 } = options
  const load = () => loadModel(checkpoint, device, { weights })
  return goldenFiles(options.golden).flatMap(path => {
    const golden = readSafetensors(path)
    const kind = kindOf(golden, path)
    const model = load()
    try {
      if (kind === 'forward') return [...compareForward(model, golden, tolerance)]
      if (kind === 'mtp') return [...compareMtp(model, golden, tolerance)]
      return [...compareTraining(model, golden, tolerance, trainingSettings(path))]
    } finally {
      device.reset()
      releaseModel(model)
    }
  })
}

function goldenFiles(golden: string): string[] {
  const stats = statSync(golden, { throwIfNoEntry: false })
  if (!stats) throw new ModelError('missing', `${golden} does not exist; give a file or folder of golden outputs`)
  if (!stats.isDirectory()) return [golden]
  const files = ['forward', 'train', 'mtp'].map(name => join(golden, `${name}.safetensors`)).filter(f => existsSync(f))
  if (files.length === 0)
    throw new ModelError('missing', `${golden} holds none of forward.safetensors, train.safetensors, mtp.safetensors`)
  return files
}

function kindOf(golden: Golden, path: string): 'forward' | 'train' | 'mtp' {
  if (golden.has('loss') && golden.has('labels')) return 'train'
  if (golden.has('hidden') && golden.has('logits')) return 'mtp'
  if ([...golden.keys()].some(name => /^(case\d+|long)\.input_ids$|^greedy\.prompt$/.test(name))) return 'forward'
  throw new ModelError('format', `${path} is not laid out like golden outputs; fixtures/README.md says how`)
}

function* compareForward(model: LanguageModel, golden: Golden, tolerance: number): Generator<Comparison> {
  const cases = [...golden.keys()].flatMap(name => (/^(.*)\.input_ids$/.exec(name) ?? []).slice(1))
  for (const name of cases) {
    const { shape, data } = golden.get(`${name}.input_ids`)!
    const [batch, length] = shape as [number, number]
    const record: Tensor[] = []
    const hidden = model.hidden(Int32Array.from(data), batch, record)
    record[record.length - 1] = hidden
    for (const [layer, tensor] of record.entries()) {
      const expected = golden.get(`${name}.hidden.${layer}`)
      if (expected) yield compare(`${name}.hidden.${layer}`, expected, tensor.reals, tolerance)
    }
    const logits = golden.get(`${name}.logits`)
    if (logits) yield compare(`${name}.logits`, logits, model.logits(hidden).reals, tolerance)
    const last = golden.get(`${name}.last_logits`)
    if (last) {
      const ours = model.logits(hidden.rows(length - last.shape[1]!, length)).reals
      yield compare(`${name}.last_logits`, last, ours, tolerance)
    }
    model.device.reset()
  }
  const prompt = golden.get('greedy.prompt')
  if (prompt) yield* compareGreedy(model, prompt.data, golden.get('greedy.tokens')!, tolerance)
}

/** The greedy continuation by cached decoding, token for token, and its logits against those of the full pass. */
function* compareGreedy(
  model: LanguageModel,
  prompt: ArrayLike<number>,
  tokens: { shape: readonly number[]; data: ArrayLike<number> },
  tolerance: number,
): Generator<Comparison> {
  const count = tokens.data.length
  const cache = model.createCache(prompt.length + count)
  const steps: Float32Array[] = []
  const chosen: number[] = []
  let next = prompt
  for (let i = 0; i < count; i++) {
    const logits = model.step(next, cache)
    const best = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)))
    steps.push(logits.slice())
    chosen.push(best)
    next = [best]
  }
  cache.release()
  const wrong = chosen.filter((token, i) => token !== tokens.data[i]).length
  yield { name: 'greedy.tokens', shape: tokens.shape, error: wrong, tolerance: 0, ok: wrong === 0 }

  const ids = Int32Array.from([...Array.from(prompt), ...chosen.slice(0, -1)])
  const hidden = model.hidden(ids, 1)
  const full = model.logits(hidden.rows(prompt.length - 1, ids.length))
  const cached = { shape: full.shape, data: steps.flatMap(logits => [...logits]) }
  yield compare('greedy.cached_logits', cached, full.reals, tolerance)
  model.device.reset()
}

function* compareMtp(model: LanguageModel, golden: Golden, tolerance: number): Generator<Comparison> {
  if (!(model instanceof K1) || !model.hasMtp)
    throw new ModelError('config', 'the checkpoint has no multi-token-prediction module, but the golden outputs do')
  const { shape, data } = requireTensor(golden, 'input_ids')
  const [batch, length] = shape as [number, number]
  const ids = Int32Array.from(data)
  const hidden = model.mtpHidden(ids, model.hidden(ids, batch), batch)
  for (const [name, tensor] of [['hidden', hidden] as const, ['logits', model.logits(hidden)] as const]) {
    const width = tensor.shape[1]!
    // The last row of each sequence predicts nothing.
    const ours = tensor.reals.filter((_, i) => Math.floor(i / width) % length !== length - 1)
    yield compare(name, requireTensor(golden, name), ours, tolerance)
  }
}

interface TrainingSettings {
  readonly lr: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weight_decay: number
  readonly clip: number
}

const defaultSettings: TrainingSettings = { lr: 1e-3, betas: [0.9, 0.95], eps: 1e-8, weight_decay: 0.1, clip: 1 }

/** The optimizer settings in `info.json` beside the golden file, if there. */
function trainingSettings(path: string): TrainingSettings {
  const file = join(dirname(path), 'info.json')
  const info = existsSync(file) ? readJson(file) : undefined
  const settings = typeof info === 'object' && info !== null && 'adamw' in info ? info.adamw : undefined
  return { ...defaultSettings, ...(settings as Partial<TrainingSettings> | undefined) }
}

function* compareTraining(
  model: LanguageModel,
  golden: Golden,
  tolerance: number,
  settings: TrainingSettings,
): Generator<Comparison> {
  const { shape, data } = requireTensor(golden, 'input_ids')
  const ids = Int32Array.from(data)
  const labels = Int32Array.from(requireTensor(golden, 'labels').data)
  const { device, parameters } = model
  setTrainable(model)
  const moments = new Map(
    [...parameters].map(([name, p]) => [name, { m: device.persistent(p.shape), v: device.persistent(p.shape) }]),
  )
  for (let step = 1; step <= 5; step++) {
    for (const { grad } of parameters.values()) device.fill(grad!, 0)
    const loss = differentiate(device, () => model.loss(ids, labels, shape[0]!))
    if (step === 1) {
      yield compare('loss', requireTensor(golden, 'loss'), loss.reals, tolerance)
      for (const [name, { grad }] of parameters) {
        const expected = golden.get(`grad.${name}`)
        if (!expected) continue
        const largest = Math.max(...Array.from(expected.data, Math.abs))
        yield compare(`grad.${name}`, expected, grad!.reals, 10 * tolerance, largest)
      }
    }
    const norm = gradientNorm(parameters.values())
    const gradientScale = Math.min(1, settings.clip / (norm + 1e-6))
    const { lr, betas, eps, weight_decay: weightDecay } = settings
    for (const [name, parameter] of parameters)
      adamW(parameter, moments.get(name)!, {
        lr,
        beta1: betas[0],
        beta2: betas[1],
        eps,
        weightDecay,
        step,
        gradientScale,
      })
    device.reset()
  }
  for (const [name, parameter] of parameters) {
    const expected = golden.get(`after5.${name}`)
    if (expected) yield compare(`after5.${name}`, expected, parameter.reals, tolerance)
  }
  for (const { m, v } of moments.values()) for (const tensor of [m, v]) device.release(tensor)
}

function requireTensor(golden: Golden, name: string): { shape: readonly number[]; data: ArrayLike<number> } {
  const tensor = golden.get(name)
  if (!tensor)
    throw new ModelError('format', `the golden outputs have no "${name}"; fixtures/README.md says what they hold`)
  return tensor
}

/** Largest difference over `largest`; another number of elements or anything not finite counts as infinitely far. */
function compare(
  name: string,
  expected: { shape: readonly number[]; data: ArrayLike<number> },
  ours: ArrayLike<number>,
  tolerance: number,
  largest = 1,
): Comparison {
  let error = ours.length === expected.data.length ? 0 : Number.POSITIVE_INFINITY
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs(ours[i]! - expected.data[i]!) / (largest || 1)
    if (!(difference <= error)) error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  return { name, shape: expected.shape, error, tolerance, ok: error <= tolerance }
}
