import { bootstrap, sumAt } from './bootstrap.ts'
import { compressionBaselines } from './compression.ts'
import { EvaluationError } from './errors.ts'
import { TextLikelihood, utf8Length } from './likelihood.ts'
import { readRows, sample, textField } from './readRows.ts'
import { type EvalOptions, type Measurement, measureEach } from './result.ts'

/**
 * How many bits the model needs for a byte of the texts in `path` (rows with `text`): Σ nats / ln 2 / Σ bytes. Unlike
 * nats a token it can be compared between tokenizers, and with compressors. Every token of a text counts once, its end
 * does not. Blank texts are passed over.
 */
export async function bitsPerByte(source: string, path: string, options: EvalOptions): Promise<Measurement> {
  const all = (await readRows(path)).map(row => textField(row, ['text'])).filter(text => text.trim() !== '')
  if (all.length === 0) throw new EvaluationError('empty', `${path}: all texts are blank; give a file with texts`)
  const texts = sample(all, options.limit, options.seed)
  const bytes = texts.map(utf8Length)
  return chat => {
    const likelihood = new TextLikelihood(chat)
    const nats = measureEach(source, texts, options, text => likelihood.nats(text))
    const statistic = (items: Int32Array) => sumAt(nats, items) / Math.LN2 / sumAt(bytes, items)
    const estimate = bootstrap(texts.length, statistic, options.seed)
    const baselines = compressionBaselines(texts)
    return [{ metric: 'bitsPerByte', source, ...estimate, items: texts.length, baselines }]
  }
}
