import { createHash } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ChatTemplate, loadChatTemplate, type ModelConfig, readConfig, Tokenizer } from '@modu/model'
import { TrainError } from './errors.ts'

/** A checkpoint in Hugging Face's layout that a run begins with, in the place of what earlier stages would have made. */
export interface Start {
  /** As it was given. */
  readonly folder: string
  readonly config: ModelConfig
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Names the contents of its files. */
  readonly key: string
}

/** The files that decide how a run goes on. */
const matters = (file: string): boolean =>
  /\.safetensors$|^(config|tokenizer|tokenizer_config)\.json$|^chat_template\.jinja$/.test(file)

async function hashFiles(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const file of readdirSync(folder).filter(matters).sort()) {
    hash.update(file)
    for await (const chunk of createReadStream(join(folder, file))) hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}

/**
 * Reads all but the weights of a checkpoint that training can begin with. A `start` error if its tokenizer does not
 * belong to its weights or lacks what training needs; ModelError for what cannot be read.
 */
export async function openStart(folder: string): Promise<Start> {
  const config = readConfig(folder)
  const tokenizer = Tokenizer.load(folder)
  const refuse = (what: string): never => {
    throw new TrainError('start', `${folder}: ${what}`)
  }
  if (tokenizer.vocabularySize > config.vocabSize) {
    refuse(
      `the tokenizer has ${tokenizer.vocabularySize} entries, but the model only ${config.vocabSize} ("vocab_size" of config.json): they do not belong together; take both from the same checkpoint`,
    )
  }
  for (const [name, id] of Object.entries({ bos_token: tokenizer.bosId, eos_token: tokenizer.eosId })) {
    if (id === undefined)
      refuse(`the tokenizer has no ${name}, which begins or ends a text; name it in tokenizer_config.json`)
  }
  const template =
    loadChatTemplate(folder, tokenizer.config) ?? refuse('there is no chat template; add chat_template.jinja')
  return { folder, config, tokenizer, template, key: await hashFiles(folder) }
}

/** Refuses, by a `start` error that names the difference, a checkpoint whose tokenizer is not the one of the recipe. */
export function requireSameTokenizer(recipe: Tokenizer, { folder, tokenizer }: Start): void {
  const difference = tokenizerDifference(recipe, tokenizer)
  if (difference === undefined) return
  throw new TrainError(
    'start',
    `${folder} does not belong to the recipe's tokenizer: ${difference}. Take "tokenizer" out of the recipe to go on with the checkpoint's`,
  )
}

/** How a checkpoint's tokenizer differs from the recipe's; undefined if they are the same. */
function tokenizerDifference(recipe: Tokenizer, checkpoint: Tokenizer): string | undefined {
  const sizes = [recipe.vocabularySize, checkpoint.vocabularySize]
  if (sizes[0] !== sizes[1]) return `it has ${sizes[0]} entries, the checkpoint's ${sizes[1]}`
  for (let id = 0; id < sizes[0]!; id++) {
    const [ours, theirs] = [recipe, checkpoint].map(tokenizer => JSON.stringify(tokenizer.decode([id])))
    if (ours !== theirs) return `entry ${id} is ${ours}, in the checkpoint's ${theirs}`
  }
  const { model, pre_tokenizer } = recipe.json
  if (JSON.stringify(model.merges) !== JSON.stringify(checkpoint.json.model.merges)) return 'the merges differ'
  if (JSON.stringify(pre_tokenizer) !== JSON.stringify(checkpoint.json.pre_tokenizer))
    return 'texts are split otherwise'
  return undefined
}
