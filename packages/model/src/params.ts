import { sizeOf } from '@modu/engine'
import { type ModelConfig, readConfig } from './config.ts'
import { weightsOf } from './families.ts'
import type { Component } from './weights.ts'

export interface ComponentCount {
  readonly component: Component
  readonly total: number
  /** Parameters that take part in computing one token. */
  readonly active: number
}

/** Parameters of a model, counted from its configuration alone. */
export interface ParameterCount {
  readonly modelType: ModelConfig['modelType']
  /** In order of the computation; only components that the model has. */
  readonly components: readonly ComponentCount[]
  readonly total: number
  /** Per token: everything but the routed experts that are not chosen, and without multi-token prediction. */
  readonly active: number
  /** The same without the input embedding, of which a token reads one row. Tied to the head, it stays counted. */
  readonly activeWithoutInputEmbedding: number
  /** Numbers in the checkpoint that no gradient moves: the routers' correction biases. Not part of `total`. */
  readonly buffers: number
  /** Size of all weights by storage type, without the scales of quantization. */
  readonly bytes: { readonly bf16: number; readonly int8: number; readonly int4: number }
  /** What one token takes in the cache (K1: latents; dense: keys and values), in bf16. */
  readonly cacheBytesPerToken: number
}

const order: readonly Component[] = [
  'embedding',
  'attention',
  'denseMlp',
  'routedExperts',
  'sharedExperts',
  'router',
  'norms',
  'head',
  'mtp',
]

/** Counts the parameters of a configuration, a `config.json` or a checkpoint folder. Errors as `readConfig`. */
export function countParams(model: ModelConfig | string): ParameterCount {
  const config = typeof model === 'string' ? readConfig(model) : model
  const totals = new Map<Component, number>()
  let buffers = 0
  for (const { component, shape, buffer } of weightsOf(config)) {
    if (buffer) buffers += sizeOf(shape)
    else totals.set(component, (totals.get(component) ?? 0) + sizeOf(shape))
  }
  const components = order.flatMap(component => {
    const total = totals.get(component)
    return total === undefined ? [] : [{ component, total, active: activeOf(config, component, total) }]
  })
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
  const total = sum(components.map(c => c.total))
  const active = sum(components.map(c => c.active))
  return {
    modelType: config.modelType,
    components,
    total,
    active,
    activeWithoutInputEmbedding: config.tieWordEmbeddings ? active : active - (totals.get('embedding') ?? 0),
    buffers,
    bytes: { bf16: 2 * total, int8: total, int4: Math.ceil(total / 2) },
    cacheBytesPerToken: 2 * cacheNumbers(config),
  }
}

function activeOf(config: ModelConfig, component: Component, total: number): number {
  if (component === 'mtp') return 0
  if (component !== 'routedExperts' || config.modelType !== 'axk1') return total
  return (total / config.nRoutedExperts) * config.numExpertsPerTok
}

/** Numbers that one token adds to the cache, in all layers. */
const cacheNumbers = (config: ModelConfig): number =>
  config.numHiddenLayers *
  (config.modelType === 'axk1'
    ? config.kvLoraRank + config.qkRopeHeadDim
    : 2 * config.numKeyValueHeads * config.headDim)

export interface ParamsLabels {
  readonly component: string
  readonly total: string
  readonly active: string
  readonly sum: string
  readonly names: Readonly<Record<Component, string>>
}

const english: ParamsLabels = {
  component: 'component',
  total: 'total',
  active: 'active',
  sum: 'sum',
  names: {
    embedding: 'embedding',
    attention: 'attention',
    denseMlp: 'dense feed-forward',
    routedExperts: 'routed experts',
    sharedExperts: 'shared experts',
    router: 'router',
    norms: 'norms',
    head: 'head',
    mtp: 'multi-token prediction',
  },
}

/** The components as a plain table for terminals; wide characters (Hangul) count two columns. */
export function formatParamsTable(count: ParameterCount, labels: ParamsLabels = english): string {
  const number = (n: number): string => n.toLocaleString('en-US')
  const rows = [
    [labels.component, labels.total, labels.active],
    ...count.components.map(c => [labels.names[c.component], number(c.total), number(c.active)]),
    [labels.sum, number(count.total), number(count.active)],
  ]
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => columnsOf(row[column]!))))
  const pad = (text: string, column: number): string => {
    const space = ' '.repeat(widths[column]! - columnsOf(text))
    return column === 0 ? text + space : space + text
  }
  return rows.map(row => row.map(pad).join('  ').trimEnd()).join('\n')
}

const columnsOf = (text: string): number =>
  [...text].reduce(
    (width, c) => width + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(c) ? 2 : 1),
    0,
  )
