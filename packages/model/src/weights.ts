import { type Device, narrowWeight, type Shape, type Tensor } from '@modu/engine'
import { ModelError } from './errors.ts'
import type { LanguageModel } from './languageModel.ts'
import type { Random } from './random.ts'

/** What a weight is part of, for counting. */
export type Component =
  | 'embedding'
  | 'attention'
  | 'denseMlp'
  | 'routedExperts'
  | 'sharedExperts'
  | 'router'
  | 'norms'
  | 'head'
  | 'mtp'

/** A tensor as a checkpoint stores it. */
export interface StoredTensor {
  readonly name: string
  readonly shape: Shape
}

/**
 * One weight of a model: its name (transformers' module name), its shape, how it starts before training, and which
 * tensors of a published checkpoint, one after the other, hold its elements.
 */
export interface WeightSpec {
  readonly name: string
  readonly shape: Shape
  readonly component: Component
  readonly initial: 'normal' | 'ones' | 'zeros'
  readonly stored: () => readonly StoredTensor[]
  /** A buffer is part of the checkpoint, but no gradient reaches it, and it need not be stored: then it is zero. */
  readonly buffer: boolean
}

/** The weights of a module, grouped as its code wants them. Absent ones (a bias that is not configured) are undefined. */
export interface WeightTree {
  readonly [name: string]: WeightSpec | WeightTree | readonly WeightTree[] | undefined
}

/** The same tree with tensors in the place of specifications. */
export type Bound<T> = T extends WeightSpec
  ? Tensor
  : T extends readonly (infer U)[]
    ? readonly Bound<U>[]
    : T extends object
      ? { readonly [K in keyof T]: Bound<T[K]> }
      : T

const weight = (
  name: string,
  shape: Shape,
  component: Component,
  initial: WeightSpec['initial'],
  stored: WeightSpec['stored'] = () => [{ name, shape }],
  buffer = false,
): WeightSpec => ({ name, shape, component, initial, stored, buffer })

/** The weight [outputs, inputs] of a linear layer, or a table of `outputs` embeddings. */
export const matrix = (module: string, outputs: number, inputs: number, component: Component): WeightSpec =>
  weight(`${module}.weight`, [outputs, inputs], component, 'normal')

/** The bias of a linear layer, if it has one. */
export const bias = (module: string, n: number, component: Component, present: boolean): WeightSpec | undefined =>
  present ? weight(`${module}.bias`, [n], component, 'zeros') : undefined

/** The gain of an RMSNorm; `storedModule` is its name in checkpoints, where that differs. */
export const norm = (module: string, n: number, storedModule = module): WeightSpec =>
  weight(`${module}.weight`, [n], 'norms', 'ones', () => [{ name: `${storedModule}.weight`, shape: [n] }])

/** The router's correction bias: a buffer, always kept in float32. */
export const correctionBias = (name: string, experts: number): WeightSpec =>
  weight(name, [experts], 'router', 'zeros', undefined, true)

/**
 * The matrices of all routed experts as one tensor [experts, Σ outputs, inputs]; a checkpoint stores them one by one, as
 * `module.E.PART.weight` [outputs, inputs] for each part.
 */
export function stackedExperts(
  module: string,
  name: string,
  parts: readonly string[],
  [experts, outputs, inputs]: readonly [number, number, number],
): WeightSpec {
  const stored = () =>
    Array.from({ length: experts }, (_, expert) =>
      parts.map(part => ({ name: `${module}.${expert}.${part}.weight`, shape: [outputs, inputs] })),
    ).flat()
  return weight(`${module}.${name}`, [experts, parts.length * outputs, inputs], 'routedExperts', 'normal', stored)
}

const isSpec = (node: WeightSpec | WeightTree): node is WeightSpec => typeof node.stored === 'function'

/** All specifications of a tree, in order. */
export function flattenWeights(tree: WeightTree): WeightSpec[] {
  return Object.values(tree).flatMap(node => {
    if (node === undefined) return []
    if (Array.isArray(node)) return node.flatMap(flattenWeights)
    return isSpec(node as WeightSpec | WeightTree) ? [node as WeightSpec] : flattenWeights(node as WeightTree)
  })
}

/** The tree with the tensors of these names. */
export function bindWeights<T extends WeightTree>(tree: T, tensors: ReadonlyMap<string, Tensor>): Bound<T> {
  const bind = (node: WeightSpec | WeightTree | readonly WeightTree[] | undefined): unknown => {
    if (node === undefined) return undefined
    if (Array.isArray(node)) return node.map(bind)
    if (!isSpec(node as WeightSpec | WeightTree)) return bindWeights(node as WeightTree, tensors)
    const { name } = node as WeightSpec
    const tensor = tensors.get(name)
    if (!tensor) throw new ModelError('missing', `the weight "${name}" was not given; load or create all of them`)
    return tensor
  }
  return Object.fromEntries(Object.entries(tree).map(([key, node]) => [key, bind(node)])) as Bound<T>
}

/** Weights as training starts with them: normal with deviation `range`, norms 1, biases 0. */
export function randomWeights(
  specs: readonly WeightSpec[],
  device: Device,
  random: Random,
  range: number,
): Map<string, Tensor> {
  return new Map(
    specs.map(({ name, shape, initial }) => {
      const tensor = device.persistent(shape)
      if (initial === 'ones') device.fill(tensor, 1)
      if (initial === 'normal') for (let i = 0; i < tensor.size; i++) tensor.data[i] = range * random.normal()
      return [name, tensor]
    }),
  )
}

/**
 * Keeps a bfloat16 twin of every matrix whose numbers all are bfloat16 numbers, as those of published checkpoints are: a
 * token then takes half as many bytes to read and only sums in another order; the weights take half as much memory again.
 * For models that only answer: the weights must not change any more. WebAssembly widens as slowly as it reads: no twins there.
 */
export function narrowWeights(model: LanguageModel): void {
  if (model.device.target === 'wasm') return
  for (const parameter of model.parameters.values()) if (parameter.shape.length > 1) narrowWeight(parameter)
}

/**
 * Prepares a model for training: every parameter is followed by the tape and gets a persistent gradient, zero at first.
 * A `config` error if the configuration asks for dropout, which is not supported.
 */
export function setTrainable(model: LanguageModel): void {
  if (model.config.attentionDropout !== 0)
    throw new ModelError(
      'config',
      `attention_dropout is ${model.config.attentionDropout}: training with dropout is not supported; set it to 0`,
    )
  for (const parameter of model.parameters.values()) {
    if (parameter.narrow)
      throw new ModelError(
        'option',
        'the weights have bfloat16 twins, which training would leave behind; load the model anew',
      )
    parameter.requiresGrad = true
    parameter.grad ??= model.device.persistent(parameter.shape)
  }
}
