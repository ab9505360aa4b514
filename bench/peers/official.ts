import type { Precision } from '@modu/engine'
import { nanoFile } from '../nano.ts'
import { pythonPeer } from './python.ts'

// The nano model in the official implementation (transformers) on PyTorch.

export const officialName = 'PyTorch, AXK1ForCausalLM'

type Speeds = Record<Precision, number> | undefined

const official = (script: string, work: Readonly<Record<string, unknown>>): Promise<Speeds> =>
  pythonPeer(script, { config: nanoFile, ...work }) as Promise<Speeds>

/** Tokens a second of training steps on `batch` × `length` tokens, with float32 products and with bfloat16 ones (autocast). */
export const trainPeer = (work: { batch: number; length: number; threads: number }): Promise<Speeds> =>
  official('train', { seconds: 10, ...work })

/** Tokens a second of `generate`, greedy, one sequence, behind `context` tokens, in float32 and in bfloat16. */
export const decodePeer = (work: { context: number; tokens: number; threads: number }): Promise<Speeds> =>
  official('decode', work)

/** Tokens a second of `generate` by `beams` beams, an answer of `tokens` tokens, its context of `context` tokens included. */
export const beamsPeer = (work: { context: number; tokens: number; beams: number; threads: number }): Promise<Speeds> =>
  official('beams', work)
