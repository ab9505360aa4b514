import type { LocalModel } from '../engine/localEngine.ts'
import { scriptedModel } from '../testModels.ts'
import { liveMemory } from './liveMemory.ts'

/* The engine's thread of a victim, which also says how much memory it has. */

const asked = new BroadcastChannel('memory')
asked.onmessage = ({ data }) => {
  if (data === 'how much') asked.postMessage(liveMemory())
}
;(asked as unknown as { unref(): void }).unref()

export const loadModels = async (says: unknown): Promise<ReadonlyMap<string, LocalModel>> =>
  new Map([['said', await scriptedModel(says as string)]])
