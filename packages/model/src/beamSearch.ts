import { answerRoom, type GenerationEnd, type TokenSequence } from './generate.ts'
import type { LanguageModel } from './languageModel.ts'
import type { Likelihood } from './logprobs.ts'
import type { PlainAnswer } from './plainAnswer.ts'
import type { Random } from './random.ts'
import { type LogitBlocks, mostLikelyTokens } from './sampling.ts'

export interface BeamOptions {
  /** Beginnings that are followed at the same time: `num_beams` of transformers. */
  readonly beams: number
  /** Answers are compared by the logarithm of their probability divided by length to this power: `length_penalty`. */
  readonly lengthPenalty: number
  /** The higher, the more chance has a say in which beginnings are followed; none if 0. */
  readonly temperature: number
  readonly random: Random
  readonly blocks: LogitBlocks | undefined
  /** The answer's form at its beginning. */
  readonly form: PlainAnswer
  readonly maxTokens?: number
  /** Tokens that end the answer; they are not part of it. */
  readonly stopIds: ReadonlySet<number>
}

/** The beginning of an answer. */
interface Beam {
  readonly sequence: TokenSequence
  readonly tokens: readonly number[]
  /** ln of its probability. */
  readonly logprob: number
  readonly form: PlainAnswer
  /** What may come next, the most likely first. */
  next: readonly Likelihood[]
}

/** A beam with one more token. */
interface Longer {
  readonly beam: Beam
  readonly token: number
  /** ln of the probability of both. */
  readonly logprob: number
}

/** To go in circles is likely, every round more than the one before: so many characters of a sentence do not come again. */
const longestRepeat = 5
const sentenceEnd = /[.!?\n]/

/**
 * Looks for a likely answer rather than for likely tokens one by one: of all beginnings the `beams` most likely are
 * followed, until no unfinished one can be expected to surpass those that are finished (Graves 2012; of transformers
 * `num_beams`, and with a temperature above 0 its beam sampling, here by Gumbel noise: Kool et al. 2019). Yields the tokens of
 * the best answer when it is known. Errors as `answerRoom`, before the first token. `sequence` is released.
 */
export async function* beamSearch(
  model: LanguageModel,
  sequence: TokenSequence,
  prompt: readonly number[],
  options: BeamOptions,
): AsyncGenerator<number, GenerationEnd> {
  const room = answerRoom(model, prompt.length, options.maxTokens)
  // Nothing is held any more when tokens are passed on: whoever takes them may stop at any.
  const { tokens, end } = await found(sequence, prompt, room, options)
  yield* tokens
  return end
}

/** The best answer of at most `room` tokens. */
async function found(
  sequence: TokenSequence,
  prompt: readonly number[],
  room: number,
  options: BeamOptions,
): Promise<{ tokens: readonly number[]; end: GenerationEnd }> {
  const { beams: count, lengthPenalty, stopIds, form } = options
  const worth = ({ logprob }: { logprob: number }, length: number) => logprob / length ** lengthPenalty
  const root: Beam = { sequence, tokens: [], logprob: 0, form, next: [] }
  let live = [root]
  let finished: { readonly tokens: readonly number[]; readonly worth: number }[] = []
  try {
    root.next = likelyTokens(options, root, await sequence.append(prompt))
    for (let length = 1; ; length++) {
      const chosen: Longer[] = []
      for (const longer of ranked(live, options)) {
        if (chosen.length === count) break
        if (stopIds.has(longer.token)) finished.push({ tokens: longer.beam.tokens, worth: worth(longer, length) })
        else chosen.push(longer)
      }
      finished = finished.toSorted((a, b) => b.worth - a.worth).slice(0, count)
      const best = Math.max(...chosen.map(longer => worth(longer, length)))
      const isOver = chosen.length === 0 || (finished.length === count && finished.at(-1)!.worth >= best)
      if (isOver || length === room) {
        if (finished.length > 0) return { tokens: finished[0]!.tokens, end: 'stop' }
        const longer = chosen.map(({ beam, token, logprob }) => ({ tokens: [...beam.tokens, token], logprob }))
        // Where nothing may follow, what there is is the answer.
        const unfinished = longer.length > 0 ? longer : live
        const { tokens } = unfinished.reduce((a, b) => (b.logprob > a.logprob ? b : a))
        return { tokens, end: longer.length > 0 ? 'length' : 'stop' }
      }
      live = grown(live, chosen)
      const steps = live.map(async beam => {
        beam.next = likelyTokens(options, beam, await beam.sequence.append(beam.tokens.slice(-1)))
      })
      await Promise.all(steps)
    }
  } finally {
    for (const { sequence } of live) sequence.release()
  }
}

/** What may come behind a beam, from the logits there, which change. */
function likelyTokens(
  { beams, blocks, stopIds }: BeamOptions,
  { form }: Pick<Beam, 'form'>,
  logits: Float32Array,
): readonly Likelihood[] {
  form.forbid(logits)
  const isNew = ({ id }: Likelihood) => stopIds.has(id) || !repeats(form.textAfter(id), form.text.length)
  // Twice as many as beams are enough to go on even if each beam may end here.
  const most = 2 * beams
  const next = mostLikelyTokens(logits, most, blocks).filter(isNew)
  return next.length === most
    ? next
    : mostLikelyTokens(logits, 2 * most, blocks)
        .filter(isNew)
        .slice(0, most)
}

/** Whether the characters behind the first `known` say something again that the text has said. */
function repeats(text: string, known: number): boolean {
  for (let end = Math.max(known + 1, longestRepeat); end <= text.length; end++) {
    const from = end - longestRepeat
    const run = text.slice(from, end)
    if (!sentenceEnd.test(run) && text.indexOf(run) < from) return true
  }
  return false
}

/** Every way to go on with a beam, the best first; with a temperature chance has its say. */
function ranked(live: readonly Beam[], { temperature, random }: BeamOptions): Longer[] {
  const gumbel = () => -Math.log(-Math.log(1 - random.uniform()))
  return live
    .flatMap(beam => beam.next.map(({ id, logprob }) => ({ beam, token: id, logprob: beam.logprob + logprob })))
    .map(longer => ({ longer, rank: longer.logprob + (temperature > 0 ? temperature * gumbel() : 0) }))
    .toSorted((a, b) => b.rank - a.rank)
    .map(({ longer }) => longer)
}

/** The beams with the tokens chosen for them, which they have yet to read. Whose none was chosen is given up. */
function grown(live: readonly Beam[], chosen: readonly Longer[]): Beam[] {
  const children = new Map(live.map(beam => [beam, chosen.filter(longer => longer.beam === beam).length]))
  for (const [beam, count] of children) if (count === 0) beam.sequence.release()
  return chosen.map(({ beam, token, logprob }) => {
    const left = children.get(beam)! - 1
    children.set(beam, left)
    // The last child goes on with its parent's sequence, behind which nothing stands as yet.
    const sequence = left > 0 ? beam.sequence.fork() : beam.sequence
    return { sequence, tokens: [...beam.tokens, token], logprob, form: beam.form.after(token), next: [] }
  })
}
