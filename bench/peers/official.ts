import type { Precision } from '@modu/engine'
import { nanoFile } from '../nano.ts'
import { pythonPeer } from './python.ts'

// The nano model in the official implementation (transformers) on PyTorch.

export const officialName = 'PyTorch, AXK1ForCausalLM'

/** Tokens a second of training steps on `batch` × `length` tokens, with float32 products and with bfloat16 ones (autocast). */
export async function trainPeer(work: {
  batch: number
  length: number
  threads: number
}): Promise<Record<Precision, number> | undefined> {
  const found = await pythonPeer('train', { config: nanoFile, seconds: 10, ...work })
  return found as Record<Precision, number> | undefined
}

/** Tokens a second of `generate`, greedy, one sequence, behind `context` tokens, in float32 and in bfloat16. */
export async function decodePeer(work: {
  context: number
  tokens: number
  threads: number
}): Promise<Record<Precision, number> | undefined> {
  const found = await pythonPeer('decode', { config: nanoFile, ...work })
  return found as Record<Precision, number> | undefined
}

/** Tokens a second of `generate` by `beams` beams, an answer of `tokens` tokens, its context of `context` tokens included. */
export async function beamsPeer(work: {
  context: number
  tokens: number
  beams: number
  threads: number
}): Promise<Record<Precision, number> | undefined> {
  const found = await pythonPeer('beams', { config: nanoFile, ...work })
  return found as Record<Precision, number> | undefined
}
