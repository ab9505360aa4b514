import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { sourceSchema, taskKinds } from '@modu/data'
import { closest, distance } from 'fastest-levenshtein'
import { z } from 'zod'
import { TrainError } from './errors.ts'

const weights = z
  .record(z.string(), z.number().min(0))
  .refine(record => Object.values(record).some(weight => weight > 0), 'the weights sum to nothing; give one above 0')

/** What every stage says about its steps. */
const optimisation = {
  /** Optimiser steps of the stage. */
  steps: z.int().positive(),
  /** Learning rate after warm-up. */
  learningRate: z.number().positive(),
  /** Steps in which the rate rises from 0. */
  warmupSteps: z.int().min(0).default(0),
  /** The rate falls over the last so many steps and is stable before; all steps after warm-up if absent. */
  decaySteps: z.int().min(0).optional(),
  /** What the rate falls to at the last step, as a part of `learningRate`. */
  finalRate: z.number().min(0).max(1).default(0.1),
  /** `cosine` falls along half a wave, `linear` along a line. */
  decay: z.enum(['cosine', 'linear']).default('cosine'),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.95),
  eps: z.number().positive().default(1e-8),
  /** Decoupled, on matrices only: not on norms, biases and the embedding. */
  weightDecay: z.number().min(0).default(0.1),
  /** Gradients are scaled down to this global norm. */
  clipNorm: z.number().positive().default(1),
}

/** What the stages that learn from given texts say beside. */
const imitation = {
  ...optimisation,
  /** Source → share of the rows; only ratios count. */
  mixture: weights,
  /** How far a step moves the router's correction bias of an expert that got more or less than its share of the tokens. */
  biasRate: z.number().min(0).default(0.001),
  /** Weight of the sequence-wise balance loss over experts (DeepSeek-V3), where the model has experts. */
  balanceWeight: z.number().min(0).default(0),
  /** Weight of the multi-token-prediction loss, where the model has the module. */
  mtpWeight: z.number().min(0).default(0),
}

const recipeSchema = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/, 'letters, digits, ".", "_" and "-" only'),
  description: z.string().default(''),
  /** Of weights, data order and samples. */
  seed: z.int().min(0),
  /** Folder of the data files, relative to the recipe; `--data` and MODU_DATA override it. */
  dataDirectory: z.string().default('.'),
  /** Definitions (OpenAI shape) of the tools that conversations name, in the data folder. */
  toolsFile: z.string().optional(),
  /** Evaluation sets in the data folder: training never sees a document that holds a piece of them. */
  evaluationFiles: z.array(z.string()).default([]),
  sources: z.record(z.string().regex(/^[\w.-]+$/), sourceSchema).default({}),
  /** Without it, that of the checkpoint the run begins with. */
  tokenizer: z
    .strictObject({
      vocabSize: z.int().min(300),
      /** Source → how many of its characters, at most, the tokenizer learns from. */
      sources: z.record(z.string(), z.int().positive()),
    })
    .optional(),
  /**
   * Fields of config.json; vocabulary size and special tokens come from the tokenizer. Without it, the configuration is
   * that of the checkpoint the run begins with.
   */
  model: z.looseObject({ model_type: z.string(), max_position_embeddings: z.int().positive() }).optional(),
  /**
   * In which precision the model's matrix products take their factors, `float32` if not given. Weights, gradients and
   * optimiser state are float32 always.
   */
  precision: z.enum(['float32', 'bf16']).optional(),
  /** Running text. */
  pretrain: z
    .strictObject({
      ...imitation,
      /** Other mixtures from later steps on, in order. */
      laterMixtures: z.array(z.strictObject({ fromStep: z.int().positive(), mixture: weights })).default([]),
      /** Tokens in a row. */
      sequenceLength: z.int().min(2),
      /** Rows in a step. */
      batchRows: z.int().positive(),
      /** Rows that go through the model at once. */
      microRows: z.int().positive(),
    })
    .optional(),
  /** Conversations, of which the assistant's part is learnt, and whole texts, so that they are not forgotten. */
  finetune: z
    .strictObject({
      ...imitation,
      /** Conversations in a step. */
      batchConversations: z.int().positive(),
      /** Tokens that go through the model at once. */
      microTokens: z.int().positive(),
      /** Longer conversations are left out. */
      maxLength: z.int().min(2),
    })
    .optional(),
  /** Exercises whose answers a program checks (GRPO, Shao et al. 2024), in the thinking mode. */
  reinforce: z
    .strictObject({
      ...optimisation,
      /** Kind of exercise → share of the questions. */
      kinds: z
        .partialRecord(z.enum(taskKinds), z.number().positive())
        .refine(kinds => Object.keys(kinds).length > 0, 'name at least one kind'),
      /** Questions in a step, and answers to each: the group whose rewards are compared. */
      questions: z.int().positive(),
      answers: z.int().min(2),
      /** Reasoning and answer together. */
      maxTokens: z.int().positive(),
      temperature: z.number().positive().default(1),
      /** Updates made from the answers of a step, each with a part of the groups. */
      updates: z.int().positive().default(1),
      /** How far the ratio of new to old probability counts, on both sides of 1. */
      clipRange: z.number().positive().lt(1).default(0.2),
      /** Weight of the divergence from the model the stage began with. */
      klWeight: z.number().min(0).default(0.02),
      /** Tokens that go through the model at once. */
      microTokens: z.int().positive(),
      /** Held-out questions that every validation asks, thinking and not. */
      heldOutQuestions: z.int().positive().default(100),
    })
    .optional(),
  validation: z.strictObject({
    everySteps: z.int().positive(),
    /** Held-out tokens looked at, at most, of each source. */
    tokensPerSource: z.int().positive(),
  }),
  samples: z.strictObject({
    everySteps: z.int().positive(),
    maxTokens: z.int().positive(),
    /** Beginnings that pre-training continues. */
    texts: z.array(z.string()),
    /** Questions asked while and after fine-tuning. */
    questions: z.array(z.strictObject({ question: z.string(), thinking: z.boolean().default(false) })),
  }),
  checkpointEverySteps: z.int().positive(),
})

export type Recipe = z.infer<typeof recipeSchema>
export type PretrainRecipe = NonNullable<Recipe['pretrain']>
export type FinetuneRecipe = NonNullable<Recipe['finetune']>
export type ReinforceRecipe = NonNullable<Recipe['reinforce']>

export const stageNames = ['pretrain', 'finetune', 'reinforce'] as const
export type StageName = (typeof stageNames)[number]

/** The stages that a recipe has, in their order. */
export const stagesOf = (recipe: Recipe): StageName[] => stageNames.filter(stage => recipe[stage])

/** The recipe without the stages before `first`, for a run that begins with a checkpoint. A `recipe` error if it lacks that stage. */
export function beginningAt(recipe: Recipe, first: StageName): Recipe {
  if (!recipe[first]) {
    const given = stagesOf(recipe).join(', ')
    throw new TrainError('recipe', `the recipe has no stage "${first}"; it has ${given}`)
  }
  const earlier = stageNames.slice(0, stageNames.indexOf(first))
  return Object.fromEntries(
    Object.entries(recipe).filter(([field]) => !earlier.some(stage => stage === field)),
  ) as Recipe
}

/** Every mixture of a recipe, with the field it stands in. */
function mixturesOf({ pretrain, finetune }: Recipe): [field: string, mixture: Readonly<Record<string, number>>][] {
  return [
    ...(pretrain ? [['pretrain.mixture', pretrain.mixture] as [string, Record<string, number>]] : []),
    ...(pretrain?.laterMixtures ?? []).map(({ mixture }, i): [string, Record<string, number>] => [
      `pretrain.laterMixtures.${i}.mixture`,
      mixture,
    ]),
    ...(finetune ? [['finetune.mixture', finetune.mixture] as [string, Record<string, number>]] : []),
  ]
}

/** The sources that the recipe's stages and tokenizer use, in the recipe's order. */
export function usedSources(recipe: Recipe): Recipe['sources'] {
  const mixtures = mixturesOf(recipe).map(([, mixture]) => mixture)
  const used = [recipe.tokenizer?.sources ?? {}, ...mixtures].flatMap(Object.keys)
  return Object.fromEntries(Object.entries(recipe.sources).filter(([name]) => used.includes(name)))
}

/** `usedSources`, to be read: files that begin with `./` lie in the folder of the recipe, and get absolute paths. */
export function sourcesToRead(recipe: Recipe, recipeFolder: string): Recipe['sources'] {
  const locate = (file: string) => (file.startsWith('./') ? resolve(recipeFolder, file) : file)
  return Object.fromEntries(
    Object.entries(usedSources(recipe)).map(([name, source]) => [name, { ...source, files: source.files.map(locate) }]),
  )
}

/** A recipe and where it lies. */
export interface LoadedRecipe {
  readonly recipe: Recipe
  /** The folder it lies in, absolute. */
  readonly recipeFolder: string
  /** The data folder it names, absolute. */
  readonly dataDirectory: string
}

function withoutDefault(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? withoutDefault(schema.unwrap()) : schema
}

/** The names of the fields that may stand at a place of a recipe. */
function fieldsAt(path: readonly PropertyKey[]): string[] {
  let at: z.core.$ZodType = recipeSchema
  for (const key of path) {
    if (at instanceof z.ZodObject) at = withoutDefault(at.shape[key as string])
    else if (at instanceof z.ZodArray) at = withoutDefault(at.element)
    else if (at instanceof z.ZodRecord) at = withoutDefault(at.valueType)
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** `unknown field "pretrain.stepz" (did you mean "steps"?)`; all that there are, if none is near. */
export function unknownField(at: string, key: string, known: readonly string[]): string {
  const nearest = closest(key, known)
  const isNear = distance(key, nearest) <= Math.ceil(key.length / 2)
  const hint = isNear ? `did you mean "${nearest}"?` : `there are ${known.join(', ')}`
  return `unknown field "${at === '' ? key : `${at}.${key}`}" (${hint})`
}

/** Checks a recipe's value; a `recipe` error names every field that is wrong or unknown. */
export function parseRecipe(value: unknown, path = 'recipe'): Recipe {
  const { success, data, error } = recipeSchema.safeParse(value)
  if (!success) {
    const lines = error.issues.map(issue => {
      const at = issue.path.join('.')
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map(key => unknownField(at, key, fieldsAt(issue.path))).join('; ')
      }
      return `"${at}": ${issue.message}`
    })
    throw new TrainError('recipe', `${path}: ${lines.join('; ')}. See recipes/README.md for the fields.`)
  }
  if (stagesOf(data).length === 0) {
    throw new TrainError('recipe', `${path}: there is no stage; give one of ${stageNames.join(', ')}`)
  }
  const known = Object.keys(data.sources)
  const uses: [string, Record<string, number>][] = [
    ...(data.tokenizer ? [['tokenizer.sources', data.tokenizer.sources] as [string, Record<string, number>]] : []),
    ...mixturesOf(data).map(([field, mixture]): [string, Record<string, number>] => [field, mixture]),
  ]
  for (const [field, names] of uses) {
    const unknown = Object.keys(names).find(name => !known.includes(name))
    if (unknown !== undefined || Object.keys(names).length === 0) {
      const what = unknown === undefined ? 'names no source' : `"${unknown}" is not among the sources`
      throw new TrainError('recipe', `${path}: "${field}": ${what}; there are ${known.join(', ')}`)
    }
  }
  let from = 0
  for (const { fromStep } of data.pretrain?.laterMixtures ?? []) {
    if (fromStep <= from || fromStep >= data.pretrain!.steps) {
      throw new TrainError(
        'recipe',
        `${path}: "pretrain.laterMixtures": fromStep ${fromStep} is out of order; they rise, from 1 to at most ${data.pretrain!.steps - 1}`,
      )
    }
    from = fromStep
  }
  return data
}

/** Reads a recipe file (JSON). Errors: `recipe`. */
export function loadRecipe(path: string): LoadedRecipe {
  if (!existsSync(path)) throw new TrainError('recipe', `there is no recipe ${path}; try recipes/tiny.json`)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new TrainError('recipe', `${path} is not valid JSON: ${(error as Error).message}`)
  }
  const recipe = parseRecipe(value, path)
  const recipeFolder = resolve(dirname(path))
  return { recipe, recipeFolder, dataDirectory: resolve(recipeFolder, recipe.dataDirectory) }
}
