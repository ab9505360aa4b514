/** A reply to learn from. */
export interface Answer {
  readonly prompt: readonly number[]
  /** The reply's tokens. */
  readonly ids: readonly number[]
  readonly advantage: number
}

/** Answers that go through the model together, one behind the other. */
export interface AnswerBatch {
  /** [tokens]: prompts and replies, each without its last token, which predicts nothing. */
  readonly ids: Int32Array
  /** Answer a is ids[starts[a] … starts[a + 1]). */
  readonly starts: Int32Array
  /** [tokens]: the reply's token that follows on each; −100 where the prompt goes on. */
  readonly labels: Int32Array
  /** [tokens]: the advantage of the answer. */
  readonly advantages: Float64Array
  /** How many labels there are. */
  readonly counted: number
}

/** Batches of at most `microTokens` tokens each, unless a single answer has more, in the order of `answers`. */
export function answerBatches(answers: readonly Answer[], microTokens: number): AnswerBatch[] {
  const groups: Answer[][] = []
  let room = 0
  for (const answer of answers) {
    const length = lengthOf(answer)
    if (length > room) {
      groups.push([])
      room = microTokens
    }
    groups.at(-1)!.push(answer)
    room -= length
  }
  return groups.map(batchOf)
}

const lengthOf = ({ prompt, ids }: Answer): number => prompt.length + ids.length - 1

function batchOf(answers: readonly Answer[]): AnswerBatch {
  const starts = Int32Array.of(0, ...answers.map(lengthOf))
  for (let a = 1; a < starts.length; a++) starts[a]! += starts[a - 1]!
  const tokens = starts.at(-1)!
  const ids = new Int32Array(tokens)
  const labels = new Int32Array(tokens).fill(-100)
  const advantages = new Float64Array(tokens)
  for (const [a, answer] of answers.entries()) {
    const [from, to] = [starts[a]!, starts[a + 1]!]
    const whole = [...answer.prompt, ...answer.ids]
    ids.set(whole.slice(0, -1), from)
    labels.set(answer.ids, from + answer.prompt.length - 1)
    advantages.fill(answer.advantage, from, to)
  }
  return { ids, starts, labels, advantages, counted: answers.reduce((sum, { ids }) => sum + ids.length, 0) }
}
