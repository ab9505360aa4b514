import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReferenceDevice } from '@modu/engine'
import { ChatModel, type LanguageModel } from '@modu/model'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll } from 'vitest'

/* For the tests of this package: a tiny model on the device that defines what is right, and a folder for files. */

/** A folder that is removed after the tests of the file. */
export function testFolder(): { path: string; write(name: string, contents: string | Uint8Array): string } {
  const path = mkdtempSync(join(tmpdir(), 'modu-eval-'))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    write(name, contents) {
      writeFileSync(join(path, name), contents)
      return join(path, name)
    },
  }
}

/** The model of `writeTinyModel` with a context of `maxPositions`. */
export async function loadTinyModel(maxPositions: number): Promise<ChatModel> {
  const folder = testFolder().path
  await writeTinyModel(folder, { maxPositions })
  const device = createReferenceDevice()
  const chat = ChatModel.load(folder, device)
  afterAll(() => device.close())
  return chat
}

/** −Σ ln softmax(logits)[next token] over the tokens from `first` on, plainly. */
export function plainNats(model: LanguageModel, ids: readonly number[], first: number): number {
  const { vocabSize } = model.config
  const logits = model.logits(model.hidden(Int32Array.from(ids), 1)).reals
  let sum = 0
  for (let t = first; t < ids.length; t++) {
    const row = Array.from(logits.subarray((t - 1) * vocabSize, t * vocabSize))
    const total = row.reduce((all, logit) => all + Math.exp(logit), 0)
    sum += Math.log(total) - row[ids[t]!]!
  }
  model.device.reset()
  return sum
}
