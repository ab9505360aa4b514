import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type CleaningProgress,
  cleanCorpus,
  encodeDocument,
  type PackedCorpus,
  packCorpus,
  readCorpus,
  type Tools,
} from '@modu/data'
import {
  ChatTemplate,
  moduChatTemplate,
  readJson,
  saveTokenizerFiles,
  Tokenizer,
  type ToolDefinition,
  tokenizerConfig,
  trainTokenizer,
  writeFileAtomic,
} from '@modu/model'
import { TrainError } from './errors.ts'
import type { TrainEvent } from './events.ts'
import { type LoadedRecipe, type Recipe, sourcesToRead } from './recipe.ts'
import type { RunFolder } from './runFolder.ts'
import { requireSameTokenizer, type Start } from './start.ts'

/** Encoded data and the tokenizer it was encoded with. */
export interface PreparedData {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** By name, those of the recipe's `toolsFile`. */
  readonly tools: Tools
  readonly corpus: PackedCorpus
  /** Names the data: a checkpoint goes on only with the same. */
  readonly key: string
  /** What the run begins with, if not with random weights. */
  readonly start?: Start | undefined
}

/** Texts the tokenizer learns from: what people and the model write, up to the given number of characters a source. */
async function* tokenizerTexts(corpus: string, limits: Readonly<Record<string, number>>): AsyncGenerator<string> {
  for (const [name, limit] of Object.entries(limits)) {
    let left = limit
    for await (const document of readCorpus(corpus, name)) {
      if (left <= 0) break
      const texts =
        'text' in document
          ? [document.text]
          : document.messages.flatMap(m => [
              m.content ?? '',
              m.reasoning_content ?? '',
              ...(m.tool_calls ?? []).map(call => JSON.stringify(call.function)),
            ])
      for (const text of texts.filter(Boolean)) {
        yield text
        left -= text.length
      }
    }
  }
}

async function ownTokenizer(corpus: string, recipe: NonNullable<Recipe['tokenizer']>, contextLength: number) {
  const json = await trainTokenizer(tokenizerTexts(corpus, recipe.sources), { vocabularySize: recipe.vocabSize })
  return new Tokenizer(json, tokenizerConfig(json, contextLength))
}

/** The tools that conversations name: none without a `toolsFile`. Errors: `recipe` for a file that is no list. */
export function readTools(recipe: Recipe, dataDirectory: string): { tools: Tools; text: string } {
  if (recipe.toolsFile === undefined) return { tools: new Map(), text: '' }
  const path = resolve(dataDirectory, recipe.toolsFile)
  const value = readJson(path)
  if (!Array.isArray(value)) throw new TrainError('recipe', `${path} is not a list of tools: check "toolsFile"`)
  const definitions = value as ToolDefinition[]
  return { tools: new Map(definitions.map(tool => [tool.function.name, tool])), text: JSON.stringify(value) }
}

/** Milliseconds between two events about how far cleaning is. */
const cleaningInterval = 1000

/** Tells how far cleaning is, how fast it goes and how long it still takes, now and then. */
function cleaningEvents(emit: (event: TrainEvent) => void): (progress: CleaningProgress) => void {
  const begun = performance.now()
  let told = begun
  return ({ bytes, totalBytes }) => {
    const now = performance.now()
    if (now - told < cleaningInterval) return
    told = now
    const bytesPerSecond = bytes / ((now - begun) / 1000)
    emit({ kind: 'cleaning', bytes, totalBytes, bytesPerSecond, secondsLeft: (totalBytes - bytes) / bytesPerSecond })
  }
}

const hash = (...parts: unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/**
 * Cleans the data, trains the tokenizer and encodes, or finds it all done in the run folder. With `start` the tokenizer is
 * that of the checkpoint; a `start` error if the recipe makes another.
 */
export async function prepareData(
  recipe: Recipe,
  folder: RunFolder,
  { dataDirectory, recipeFolder }: Pick<LoadedRecipe, 'dataDirectory' | 'recipeFolder'>,
  emit: (event: TrainEvent) => void,
  start?: Start,
): Promise<PreparedData> {
  const sources = sourcesToRead(recipe, recipeFolder)
  const { tools, text: toolsText } = readTools(recipe, dataDirectory)

  emit({ kind: 'phase', phase: 'clean' })
  const report = await cleanCorpus(sources, dataDirectory, folder.corpus, {
    evaluationFiles: recipe.evaluationFiles,
    onProgress: cleaningEvents(emit),
  })
  for (const [name, source] of Object.entries(report.sources)) emit({ kind: 'source', name, report: source })

  const template = start?.template ?? new ChatTemplate(moduChatTemplate)
  const contextLength = recipe.model?.max_position_embeddings ?? start!.config.maxPositions
  const tokenizerKey = hash(report.key, recipe.tokenizer ?? start!.key, contextLength)
  const keyFile = join(folder.tokenizer, 'key.json')
  const reused = existsSync(keyFile) && readJson(keyFile) === tokenizerKey
  emit({ kind: 'phase', phase: 'tokenizer', reused })
  if (!reused) {
    const made = recipe.tokenizer
      ? await ownTokenizer(folder.corpus, recipe.tokenizer, contextLength)
      : start!.tokenizer
    saveTokenizerFiles(folder.tokenizer, made, template)
    writeFileAtomic(keyFile, JSON.stringify(tokenizerKey))
  }
  const tokenizer = Tokenizer.load(folder.tokenizer)
  if (start) requireSameTokenizer(tokenizer, start)

  emit({ kind: 'phase', phase: 'pack' })
  const key = hash(tokenizerKey, tokenizer.json, template.source, toolsText, recipe.seed)
  const corpus = await packCorpus({
    corpus: folder.corpus,
    sources: Object.keys(sources),
    folder: folder.shards,
    vocabSize: tokenizer.vocabularySize,
    key,
    encode: document => encodeDocument(document, tokenizer, template, tools),
    onSource: (name, { tokens, documents, heldOutDocuments: heldOut }) =>
      emit({ kind: 'encoded', name, tokens, documents, heldOut }),
  })
  return { tokenizer, template, tools, corpus, key, start }
}
