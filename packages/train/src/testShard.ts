import type { Shard } from '@modu/data'

/** A shard of these documents, all tokens of which count. */
export function shardOf(documents: readonly (readonly number[])[]): Shard {
  const all = documents.flat()
  const starts = [0]
  for (const ids of documents) starts.push(starts.at(-1)! + ids.length)
  return {
    tokens: all.length,
    documents: documents.length,
    start: document => starts[document]!,
    ids: (from, to) => all.slice(from, to),
    counted: (from, to) => new Uint8Array(to - from).fill(1),
  }
}
