import { countParams, parseConfig } from '@modu/model'
import { TrainError } from './errors.ts'
import type { PretrainRecipe, Recipe } from './recipe.ts'

/** Size 6 is the shape of recipes/nano.json, whose figures the formulas start from. */
const nano = { size: 6, hidden: 256, experts: 16, learningRate: 0.002, tokens: 66e6, batchTokens: 2048 }

/** Training tokens for each parameter that a token uses outside the embedding (Hoffmann et al. 2022: about 20). */
const tokensPerParameter = 20

const multiple = (value: number, of: number): number => Math.max(of, Math.round(value / of) * of)

/**
 * The shape of a model of size `n` layers. Hidden size 42⅔·n (to multiples of 32), a head for each 32 of it, feed-forward
 * three times as wide, experts half as wide, latents of queries half and of keys and values a quarter of it; the power of
 * two next to 2⅔·n experts, of which each token uses two and a shared one.
 */
export function sizedModel(n: number): Readonly<Record<string, number>> {
  const hidden = multiple((nano.hidden / nano.size) * n, 32)
  return {
    hidden_size: hidden,
    intermediate_size: 3 * hidden,
    num_hidden_layers: n,
    first_k_dense_replace: 1,
    num_attention_heads: hidden / 32,
    moe_intermediate_size: hidden / 2,
    n_routed_experts: Math.max(4, 2 ** Math.round(Math.log2((nano.experts / nano.size) * n))),
    n_shared_experts: 1,
    num_experts_per_tok: 2,
    n_group: 1,
    topk_group: 1,
    q_lora_rank: hidden / 2,
    kv_lora_rank: hidden / 4,
    qk_nope_head_dim: 32,
    qk_rope_head_dim: 16,
    v_head_dim: 32,
  }
}

/**
 * A recipe turned to a size, as nanochat's depth does: everything but data, tokenizer and the proportions of the recipe's
 * course follows from `n`.
 *
 * - Shape: `sizedModel`.
 * - Tokens D: 20 for each active parameter outside the embedding, shared among pre-training and fine-tuning as the
 *   recipe shares its steps.
 * - Batch: 2,048 tokens · √(D / 66M), as the batch that is still worth its work grows with the tokens seen; that of
 *   fine-tuning by the same factor.
 * - Learning rate: 0.002 · √(256 / hidden size).
 * - Whatever counts steps (warm-up, decay, later mixtures, fine-tuning, validation, checkpoints) and the other stages'
 *   learning rates change by the same factors as those of pre-training.
 *
 * A `recipe` error if the recipe makes no A.X K1 or has no pre-training.
 */
export function sizedRecipe(recipe: Recipe, n: number): Recipe {
  const { pretrain, finetune, reinforce, model, tokenizer } = recipe
  if (!pretrain || !tokenizer || model?.model_type !== 'axk1') {
    throw new TrainError(
      'recipe',
      '--size makes a new A.X K1: it needs a recipe with "tokenizer", "pretrain" and a "model" of model_type "axk1"',
    )
  }
  const shape = { ...model, ...sizedModel(n) }
  const { hidden_size: hidden } = sizedModel(n)
  const config = parseConfig({ ...shape, vocab_size: tokenizer.vocabSize })
  const tokens = tokensPerParameter * (countParams(config).active - config.vocabSize * config.hiddenSize)
  const batch = nano.batchTokens * Math.sqrt(tokens / nano.tokens)
  const batchRows = Math.max(1, Math.round(batch / pretrain.sequenceLength))
  const share = pretrain.steps / (pretrain.steps + (finetune?.steps ?? 0))
  const steps = Math.max(1, Math.round((tokens * share) / (batchRows * pretrain.sequenceLength)))
  const learningRate = Number((nano.learningRate * Math.sqrt(nano.hidden / hidden!)).toPrecision(3))

  const ofSteps = steps / pretrain.steps
  const ofRates = learningRate / pretrain.learningRate
  const stretched = (count: number) => Math.round(count * ofSteps)
  const stretchedOnce = (count: number) => Math.max(1, stretched(count))
  const course = <S extends { steps: number; warmupSteps: number; decaySteps?: number | undefined }>(stage: S): S => ({
    ...stage,
    steps: stretchedOnce(stage.steps),
    warmupSteps: stretched(stage.warmupSteps),
    ...(stage.decaySteps !== undefined && { decaySteps: stretched(stage.decaySteps) }),
  })
  const later = <S extends { learningRate: number }>(stage: S): S => ({
    ...stage,
    learningRate: Number((stage.learningRate * ofRates).toPrecision(3)),
  })
  const sized: PretrainRecipe = {
    ...course(pretrain),
    learningRate,
    batchRows,
    microRows: Math.min(batchRows, pretrain.microRows),
    laterMixtures: pretrain.laterMixtures.map(phase => ({ ...phase, fromStep: stretchedOnce(phase.fromStep) })),
  }
  return {
    ...recipe,
    name: `${recipe.name}-${n}`,
    model: shape,
    pretrain: sized,
    ...(finetune && {
      finetune: {
        ...later(course(finetune)),
        batchConversations: Math.max(1, Math.round((finetune.batchConversations * batchRows) / pretrain.batchRows)),
      },
    }),
    ...(reinforce && { reinforce: later(reinforce) }),
    validation: { ...recipe.validation, everySteps: stretchedOnce(recipe.validation.everySteps) },
    samples: { ...recipe.samples, everySteps: stretchedOnce(recipe.samples.everySteps) },
    checkpointEverySteps: stretchedOnce(recipe.checkpointEverySteps),
  }
}
