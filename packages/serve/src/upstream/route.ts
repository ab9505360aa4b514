import { createHash } from 'node:crypto'

/** What is known of a server that could take a request. */
export interface Candidate {
  readonly name: string
  /** How much it takes compared with the others. */
  readonly weight: number
  /** Requests that it has now. */
  readonly outstanding: number
}

/** A server may have this many times its fair share of the requests … */
const imbalance = 1.25
/** … and a few in any case: with little to do, a warm cache is worth more than balance. */
const always = 4

/**
 * The server for a request that begins like others with the same `key`, so that it meets the cache that those have filled:
 * the first choice by rendezvous hashing (Thaler & Ravishankar 1998), under which only the keys of a server that comes or
 * goes move. If that one has more than its share of the load, the one that has least for its weight
 * (as in consistent hashing with bounded loads, Mirrokni et al. 2016). Undefined if there is no candidate.
 */
export function choose<T extends Candidate>(candidates: readonly T[], key: string): T | undefined {
  const [first, ...others] = candidates
    .map(candidate => ({ candidate, score: score(key, candidate) }))
    .sort((a, b) => b.score - a.score)
    .map(({ candidate }) => candidate)
  if (!first || others.length === 0) return first
  const sum = (of: (candidate: T) => number) => candidates.reduce((total, candidate) => total + of(candidate), 0)
  const share = ((sum(({ outstanding }) => outstanding) + 1) * first.weight) / sum(({ weight }) => weight)
  if (first.outstanding < Math.max(always, Math.ceil(imbalance * share))) return first
  return [first, ...others].reduce((least, candidate) => (load(candidate) < load(least) ? candidate : least))
}

const load = ({ outstanding, weight }: Candidate): number => (outstanding + 1) / weight

/** Highest for each of the candidates as often as its weight says: −weight / ln u, u uniform in (0, 1). */
function score(key: string, { name, weight }: Candidate): number {
  const bits = createHash('sha256').update(name).update('\0').update(key).digest().readUIntBE(0, 6)
  return -weight / Math.log((bits + 0.5) / 2 ** 48)
}
