import { bootstrap, meanAt } from './bootstrap.ts'
import { EvaluationError } from './errors.ts'
import { TextLikelihood } from './likelihood.ts'
import { type Row, readRows, sample, textField } from './readRows.ts'
import { type EvalOptions, type Measurement, measureEach, type Result } from './result.ts'

/* Natural language inference (KLUE-NLI, KorNLI), without an example: which answer is the likeliest? */

const labels = ['entailment', 'neutral', 'contradiction'] as const
type Label = (typeof labels)[number]

const answers: Readonly<Record<Label, string>> = {
  entailment: ' 네',
  neutral: ' 알 수 없어요',
  contradiction: ' 아니요',
}

const question = '\n답:'

const prompt = (premise: string, hypothesis: string): string =>
  `${premise}\n이 말이 사실이라면, "${hypothesis}"라는 말도 사실인가요?${question}`

interface Pair {
  readonly premise: string
  readonly hypothesis: string
  readonly label: Label
}

/** The label by its name, or by its number in KLUE's order. */
function labelOf({ place, fields }: Row): Label {
  const value = fields.gold_label ?? fields.label
  const label = labels.find((name, number) => value === name || value === number)
  if (label) return label
  const problem = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`
  throw new EvaluationError(
    'format',
    `${place}: the field gold_label or label ${problem}; it is one of ${labels.join(', ')}`,
  )
}

/**
 * Accuracy on rows of `premise` (or `sentence1`), `hypothesis` (or `sentence2`) and `gold_label` (or `label`), twice: by
 * the likeliest answer, and calibrated, by the answer that gains most over its likelihood without a question
 * (domain-conditional mutual information, Holtzman et al. 2021), because models prefer some answers whatever is asked.
 * The baseline is to give always the commonest label.
 */
export async function inference(source: string, path: string, options: EvalOptions): Promise<Measurement> {
  const all = (await readRows(path)).map(
    (row): Pair => ({
      premise: textField(row, ['premise', 'sentence1']),
      hypothesis: textField(row, ['hypothesis', 'sentence2']),
      label: labelOf(row),
    }),
  )
  const pairs = sample(all, options.limit, options.seed)
  const counts = labels.map(label => pairs.filter(pair => pair.label === label).length)
  const majority = { name: 'majority', value: Math.max(...counts) / pairs.length } as const
  const result = (metric: Result['metric'], right: readonly number[]): Result => ({
    metric,
    source,
    ...bootstrap(pairs.length, items => meanAt(right, items), options.seed),
    items: pairs.length,
    baselines: [majority],
  })
  return chat => {
    const likelihood = new TextLikelihood(chat)
    const unasked = labels.map(label => likelihood.nats(answers[label], question))
    const judged = measureEach(source, pairs, options, ({ premise, hypothesis, label }) => {
      const nats = labels.map(each => likelihood.nats(answers[each], prompt(premise, hypothesis)))
      const isRight = (costs: readonly number[]) => Number(labels[costs.indexOf(Math.min(...costs))] === label)
      return { plain: isRight(nats), calibrated: isRight(nats.map((cost, i) => cost - unasked[i]!)) }
    })
    return [
      result(
        'nliAccuracy',
        judged.map(each => each.plain),
      ),
      result(
        'nliCalibrated',
        judged.map(each => each.calibrated),
      ),
    ]
  }
}
