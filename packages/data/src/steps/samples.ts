import { mixSeed } from '../order.ts'
import { mixBits } from './hash.ts'
import { personalKinds } from './personal/rule.ts'
import { maskPersonalData } from './personalData.ts'
import type { CleaningSample } from './report.ts'

/** Of each step so many changed and so many dropped documents, and so many of those that are kept. */
export const samplesKept = 5
const sampleLength = 160

/**
 * Draws samples: the places whose seeded hashes are least. So each is as likely as any other, and samples of shards
 * make those of all, however the documents were shared out.
 */
export class SampleDraw<T extends { readonly outcome: string }> {
  private readonly seed: number
  private readonly step: string
  private readonly drawn: { readonly weight: number; readonly sample: T }[] = []

  constructor(seed: number, step: string) {
    this.seed = seed
    this.step = step
  }

  /** Offers a document; `make` is called only if it is drawn so far. */
  offer(place: string, outcome: T['outcome'], make: () => T): void {
    const weight = mixBits(mixSeed(this.seed, this.step, outcome, place))
    const rivals = this.drawn.filter(({ sample }) => sample.outcome === outcome)
    if (rivals.length === samplesKept) {
      const worst = rivals.reduce((a, b) => (b.weight > a.weight ? b : a))
      if (weight >= worst.weight) return
      this.drawn.splice(this.drawn.indexOf(worst), 1)
    }
    this.drawn.push({ weight, sample: make() })
  }

  /** Changed ones first, in the order of their weights. */
  get samples(): T[] {
    return this.drawn
      .toSorted((a, b) =>
        a.sample.outcome === b.sample.outcome ? a.weight - b.weight : a.sample.outcome === 'changed' ? -1 : 1,
      )
      .map(({ sample }) => sample)
  }
}

const mask = new RegExp(`\\[(?:${personalKinds.join('|')})\\]`, 'g')
const masksIn = (text: string): number => text.match(mask)?.length ?? 0

/** The beginning of a text. */
export const maskedBeginning = (text: string): string => excerpt(maskPersonalData(text).text, 0)

/** A piece of `text` that begins a little before `at`. */
function excerpt(text: string, at: number): string {
  const from = Math.max(0, at - sampleLength / 3)
  const part = text.slice(from, from + sampleLength).toWellFormed()
  return `${from > 0 ? '…' : ''}${part}${from + sampleLength < text.length ? '…' : ''}`
}

/** Where two texts begin to differ. */
function difference(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i
  return length
}

/** The surroundings of a change. What stood there before is shown only if masking finds all in it that it finds later. */
export function changedSample(place: string, reason: string, before: string, after: string): CleaningSample {
  const [maskedBefore, masked] = [maskPersonalData(before).text, maskPersonalData(after).text]
  if (maskedBefore === masked || masksIn(maskedBefore) < masksIn(masked)) {
    return { place, outcome: 'changed', reason, text: excerpt(masked, difference(before, after)) }
  }
  const at = difference(maskedBefore, masked)
  return { place, outcome: 'changed', reason, text: excerpt(masked, at), before: excerpt(maskedBefore, at) }
}

/** The surroundings of the part of a dropped document that is to blame; its beginning, if all of it is. */
export function droppedSample(place: string, reason: string, text: string, part = ''): CleaningSample {
  const masked = maskPersonalData(text).text
  const at = masked.indexOf(part)
  const shown = at < 0 ? maskedBeginning(part) : excerpt(masked, at)
  return { place, outcome: 'dropped', reason, text: shown }
}
