import { configToText, type ModelConfig, parseConfig, type Tokenizer } from '@modu/model'
import { describeDifferences, differences } from './differences.ts'
import { TrainError } from './errors.ts'
import type { PreparedData } from './prepare.ts'
import { type Recipe, unknownField } from './recipe.ts'
import type { Start } from './start.ts'

/**
 * The configuration of the model that a recipe trains: its fields, with vocabulary and special tokens from the tokenizer, or
 * that of the checkpoint it begins with. Errors: `recipe` for unknown fields and rows that are too long, `start` for a
 * checkpoint of another configuration, which names the fields, and ModelError `config`.
 */
export function modelConfig(recipe: Recipe, { tokenizer, start }: PreparedData): ModelConfig {
  const config = recipe.model ? recipeConfig(recipe.model, tokenizer) : start!.config
  if (recipe.model && start) requireSameConfig(config, start)
  const longest = Math.max(
    recipe.pretrain?.sequenceLength ?? 0,
    recipe.finetune?.maxLength ?? 0,
    recipe.reinforce?.maxTokens ?? 0,
  )
  if (longest > config.maxPositions) {
    throw new TrainError(
      'recipe',
      `rows of ${longest} tokens do not fit "model.max_position_embeddings" (${config.maxPositions})`,
    )
  }
  return config
}

function recipeConfig(model: NonNullable<Recipe['model']>, tokenizer: Tokenizer): ModelConfig {
  const given = {
    ...model,
    vocab_size: tokenizer.vocabularySize,
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    pad_token_id: tokenizer.padId,
  }
  const config = parseConfig(given, 'the recipe\'s "model"')
  const known = Object.keys(modelFields(config))
  const unknown = Object.keys(config.extra).map(name => unknownField('model', name, known))
  if (unknown.length > 0) throw new TrainError('recipe', unknown.join('; '))
  return config
}

/** What config.json says of the model itself: not how it was stored and how it began. */
function modelFields(config: ModelConfig): object {
  const { dtype: _, initializer_range: __, ...fields } = JSON.parse(configToText({ ...config, extra: {} }))
  return fields
}

function requireSameConfig(recipe: ModelConfig, start: Start): void {
  const list = differences(modelFields(recipe), modelFields(start.config))
  if (list.length === 0) return
  throw new TrainError(
    'start',
    `${start.folder} has another configuration than the recipe (recipe → checkpoint): ${describeDifferences(list)}. Take "model" out of the recipe to go on with the checkpoint's`,
  )
}
