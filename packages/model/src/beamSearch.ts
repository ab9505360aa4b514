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
  /**
   * No run of so many tokens comes twice in an answer, or any may if 0: `no_repeat_ngram_size`, here of the answer alone.
   * To go in circles is likely, and every round likelier than the one before.
   */
  readonly noRepeat: number
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
  readonly logprob: number
}

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
  const { beams: count, lengthPenalty, stopIds, form } = options
  const room = answerRoom(model, prompt.length, options.maxTokens)
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
        if (finished.length > 0) {
          yield* finished[0]!.tokens
          return 'stop'
        }
        const { beam, token } = chosen.reduce((a, b) => (b.logprob > a.logprob ? b : a))
        yield* [...beam.tokens, token]
        return 'length'
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
  { beams, noRepeat, blocks }: BeamOptions,
  beam: Pick<Beam, 'tokens' | 'form'>,
  logits: Float32Array,
) {
  // A rare syllable is several tokens, and may come again like any other.
  if (!beam.form.isWithinCharacter) for (const id of repeating(beam.tokens, noRepeat)) logits[id] = -Infinity
  beam.form.forbid(logits)
  // Twice as many as beams: enough to go on even if each beam may end here.
  return mostLikelyTokens(logits, 2 * beams, blocks)
}

/** The tokens that would make the last `size` ones a run that has been there. */
function repeating(tokens: readonly number[], size: number): number[] {
  const last = tokens.length - size + 1
  if (size === 0 || last < 1) return []
  const isThere = (from: number) => tokens.slice(last).every((token, i) => token === tokens[from + i])
  return tokens.slice(size - 1).filter((_, from) => isThere(from))
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
