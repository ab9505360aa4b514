import { bootstrap } from './bootstrap.ts'
import { pearson, spearman } from './correlation.ts'
import { EvaluationError } from './errors.ts'
import { TextLikelihood, utf8Length } from './likelihood.ts'
import { type Row, readRows, sample, textField } from './readRows.ts'
import { type EvalOptions, type Measurement, measureEach, type Result } from './result.ts'

/* Semantic textual similarity (KLUE-STS, KorSTS), without an example: how much does one sentence foretell the other? */

const linking = '바꿔 말하면,'

interface Pair {
  readonly first: string
  readonly second: string
  readonly score: number
}

/** The score: `score` as a number or its text (KorSTS), or `labels.label` (KLUE). */
function scoreOf({ place, fields }: Row): number {
  const given = fields.score ?? (fields.labels as { label?: unknown } | null | undefined)?.label
  const score = typeof given === 'string' && given.trim() !== '' ? Number(given) : given
  if (typeof score === 'number' && Number.isFinite(score)) return score
  const problem = given === undefined ? 'is missing' : `is no number but ${JSON.stringify(given)}`
  throw new EvaluationError('format', `${place}: the field score or labels.label ${problem}`)
}

/**
 * Correlation of a likelihood-based similarity with people's scores, on rows of `sentence1`, `sentence2` and a score.
 * The similarity of a and b is what each gains from standing after the other, in nats a byte, averaged over both
 * directions: (ln P(b | a) − ln P(b)) / |b|. The baseline is the overlap of letter pairs, which knows no language.
 */
export async function similarity(source: string, path: string, options: EvalOptions): Promise<Measurement> {
  const all = (await readRows(path)).map(
    (row): Pair => ({
      first: textField(row, ['sentence1']),
      second: textField(row, ['sentence2']),
      score: scoreOf(row),
    }),
  )
  const pairs = sample(all, options.limit, options.seed)
  const scores = pairs.map(pair => pair.score)
  const overlaps = pairs.map(pair => overlap(pair.first, pair.second))
  return chat => {
    const likelihood = new TextLikelihood(chat)
    const gain = (sentence: string, given: string): number => {
      const text = ` ${sentence}`
      return (likelihood.nats(text, linking) - likelihood.nats(text, `${given}\n${linking}`)) / utf8Length(text)
    }
    const alike = measureEach(
      source,
      pairs,
      options,
      ({ first, second }) => (gain(first, second) + gain(second, first)) / 2,
    )
    const result = (metric: Result['metric'], correlation: typeof pearson): Result => ({
      metric,
      source,
      ...bootstrap(pairs.length, items => correlation(at(alike, items), at(scores, items)), options.seed),
      items: pairs.length,
      baselines: [{ name: 'overlap', value: correlation(overlaps, scores) }],
    })
    return [result('stsPearson', pearson), result('stsSpearman', spearman)]
  }
}

const at = (values: readonly number[], items: Int32Array): Float64Array =>
  Float64Array.from(items, item => values[item]!)

/** Dice's coefficient of the two texts' pairs of neighbouring letters: 0 nothing in common, 1 all. */
export function overlap(a: string, b: string): number {
  const [first, second] = [letterPairs(a), letterPairs(b)]
  const size = first.size + second.size
  return size === 0 ? Number(a === b) : (2 * first.intersection(second).size) / size
}

const letterPairs = (text: string): Set<string> => {
  const letters = [...text]
  return new Set(letters.slice(1).map((letter, i) => letters[i]! + letter))
}
