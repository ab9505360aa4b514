import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunState, saveCheckpoint } from './checkpoint.ts'
import { parseRecipe } from './recipe.ts'
import { openRunFolder } from './runFolder.ts'
import { testRecipe } from './testRecipe.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'modu-run-'))
})
afterEach(() => rmSync(root, { recursive: true }))

/** As if a step had been trained in `folder`. */
function train(folder: string) {
  const state: RunState = { step: 1, stage: 'pretrain', stageStep: 1, tokens: 1, seconds: 1, dataKey: '' }
  saveCheckpoint(join(folder, 'checkpoints'), state, new Map())
}

test('the same recipe opens it again, another one is refused by field, and so is another beginning', () => {
  const other = parseRecipe({ ...testRecipe, seed: 2, checkpointEverySteps: 9 })
  openRunFolder(root, other).release()
  // Nothing has been trained yet.
  openRunFolder(root, parseRecipe(testRecipe)).release()
  train(root)
  openRunFolder(root, parseRecipe(testRecipe)).release()
  expect(() => openRunFolder(root, other)).toThrow(
    /a recipe that differs: seed: 1 → 2, checkpointEverySteps: 3 → 9\. Put the recipe back/,
  )
  const start = (folder: string, key: string) => () =>
    openRunFolder(join(root, 'from'), parseRecipe(testRecipe), { folder, key }).release()
  start('other', '0')()
  start('a', '1')()
  train(join(root, 'from'))
  start('renamed', '1')()
  expect(start('a', '2')).toThrow(/began with the checkpoint a, which has changed since/)
  expect(start('b', '2')).toThrow(/began with the checkpoint a, not with the checkpoint b: give the same/)
  expect(() => openRunFolder(join(root, 'from'), parseRecipe(testRecipe))).toThrow(/not with random weights/)
})

test('a recipe.json from before a field was there still fits', () => {
  openRunFolder(root, parseRecipe(testRecipe)).release()
  train(root)
  writeFileSync(join(root, 'recipe.json'), JSON.stringify(testRecipe))
  openRunFolder(root, parseRecipe(testRecipe)).release()
})

test('two processes do not train in one folder; a dead one leaves it free', () => {
  const recipe = parseRecipe(testRecipe)
  writeFileSync(join(root, 'lock'), String(process.ppid))
  expect(() => openRunFolder(root, recipe)).toThrow(/process \d+ is training in/)
  writeFileSync(join(root, 'lock'), '999999999')
  openRunFolder(root, recipe).release()
  expect(existsSync(join(root, 'lock'))).toBe(false)
})
