import { type EncodedDocument, encodeDocument } from '@modu/data'
import type { ChatModel } from '@modu/model'
import { bootstrap, sumAt } from './bootstrap.ts'
import { compressionBaselines } from './compression.ts'
import { EvaluationError } from './errors.ts'
import type { HeldOut, HeldOutSource } from './heldOut.ts'
import { nats, TextLikelihood, utf8Length } from './likelihood.ts'
import { readRows, sample, textField } from './readRows.ts'
import { type EvalOptions, type Measurement, measureEach, type Result } from './result.ts'

/** Nats of an item, and the text that they are spent on. */
interface Measured {
  readonly nats: number
  readonly text: string
}

/**
 * How many bits the model needs for a byte of the texts in `path` (rows with `text`): Σ nats / ln 2 / Σ bytes. Unlike
 * nats a token it can be compared between tokenizers, and with compressors. Every token of a text counts once, its end
 * does not. Blank texts are passed over.
 */
export async function bitsPerByte(source: string, path: string, options: EvalOptions): Promise<Measurement> {
  const texts = (await readRows(path)).map(row => textField(row, ['text'])).filter(text => text.trim() !== '')
  if (texts.length === 0) throw new EvaluationError('empty', `${path}: all texts are blank; give a file with texts`)
  return chat => [ofTexts(chat, source, texts, options)]
}

/**
 * The same of what training held out of a source: of texts as `bitsPerByte`, of conversations what the assistant says in
 * them, both with its reasoning and without where it has one, control tokens left out.
 */
export function heldOutBitsPerByte(source: HeldOutSource, { tools }: HeldOut, options: EvalOptions): Measurement {
  const { name, texts, conversations, format } = source
  return chat => {
    if (texts.length > 0) {
      const result = ofTexts(chat, name, texts, options)
      return [format === 'reviews' ? { ...result, note: 'joinedReviews' } : result]
    }
    const { template, tokenizer } = chat
    if (!template || conversations.length === 0) return []
    const encoded = sample(conversations, options.limit, options.seed).flatMap(conversation =>
      encodeDocument(conversation, tokenizer, template, tools),
    )
    return [{ ...result(name, encoded, options, document => ofAssistant(chat, document)), note: 'assistantOnly' }]
  }
}

function ofTexts(chat: ChatModel, source: string, texts: readonly string[], options: EvalOptions): Result {
  const likelihood = new TextLikelihood(chat)
  return result(source, sample(texts, options.limit, options.seed), options, text => ({
    nats: likelihood.nats(text),
    text,
  }))
}

function ofAssistant({ model, tokenizer }: ChatModel, { ids, counted }: EncodedDocument): Measured {
  const isSaid = (t: number) => counted[t] === true && !tokenizer.isControl(ids[t]!)
  return { nats: nats(model, ids, 1, isSaid), text: tokenizer.decode(ids.filter((_, t) => isSaid(t))) }
}

function result<T>(source: string, items: readonly T[], options: EvalOptions, measure: (item: T) => Measured): Result {
  const measured = measureEach(source, items, options, measure)
  const spent = measured.map(each => each.nats)
  const bytes = measured.map(each => utf8Length(each.text))
  const statistic = (chosen: Int32Array) => sumAt(spent, chosen) / Math.LN2 / sumAt(bytes, chosen)
  return {
    metric: 'bitsPerByte',
    source,
    ...bootstrap(items.length, statistic, options.seed),
    items: items.length,
    baselines: compressionBaselines(measured.map(each => each.text)),
  }
}
