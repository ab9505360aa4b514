import type { ModelConfig } from './config.ts'
import type { DecodingStep } from './kvCache.ts'
import { roomForEach } from './kvCaches.ts'
import type { KvCache, KvCaches } from './languageModel.ts'
import { roomInPages } from './pagedCache.ts'
import { checkTokens } from './sequences.ts'

/**
 * `LanguageModel.stepAll` for whatever holds the sequences: caches side by side, where a negative token lets one rest, or
 * sequences in pages. `decode`: one token of each.
 */
export function appendToEach(
  config: ModelConfig,
  tokens: ArrayLike<number>,
  caches: KvCaches | readonly KvCache[],
  decode: DecodingStep,
): Float32Array {
  if (!('sequences' in caches)) {
    checkTokens(config, tokens)
    const sequences = roomInPages(caches, tokens)
    return sequences[0]!.cache.append(tokens, sequences, decode)
  }
  const sequences = roomForEach(caches, tokens)
  checkTokens(
    config,
    Array.from(tokens).filter(token => token >= 0),
  )
  return sequences.append(tokens, decode)
}
