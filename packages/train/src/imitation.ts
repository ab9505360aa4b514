import type { FinetuneRecipe, PretrainRecipe } from './recipe.ts'
import type { Stage, StageContext } from './stage.ts'
import { finetuneData, pretrainData, type TrainingData } from './trainingData.ts'
import { trainStep } from './trainStep.ts'
import { tokenBytes, validate } from './validation.ts'

/** Pre-training: running text. The recipe has the stage `pretrain`. */
export function pretrainStage(context: StageContext): Stage {
  const { recipe, data } = context
  return imitation(context, recipe.pretrain!, pretrainData(data.corpus, recipe.pretrain!, recipe.seed))
}

/** Fine-tuning: conversations, of which the assistant's part is learnt. The recipe has the stage `finetune`. */
export function finetuneStage(context: StageContext): Stage {
  const { recipe, data } = context
  const texts = finetuneData(data.corpus, recipe.finetune!, recipe.seed)
  return imitation(context, recipe.finetune!, texts)
}

/** Learning to predict given tokens. */
function imitation(
  { recipe, data, model, optimizer }: StageContext,
  settings: PretrainRecipe | FinetuneRecipe,
  texts: TrainingData,
): Stage {
  const heldOut = texts.heldOut(recipe.validation.tokensPerSource)
  const bytes = tokenBytes(data.tokenizer)
  return {
    epochs: texts.epochs,
    tensors: new Map(),
    skip: steps => texts.skip(steps),
    step: async (step, learningRate) => trainStep(model, optimizer, texts.next(), step + 1, learningRate, settings),
    validate: async () => ({ bitsPerByte: validate(model, heldOut, bytes) }),
    release() {},
  }
}
