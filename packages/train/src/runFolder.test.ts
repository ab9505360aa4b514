import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseRecipe } from './recipe.ts'
import { openRunFolder } from './runFolder.ts'
import { testRecipe } from './testRecipe.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'modu-run-'))
})
afterEach(() => rmSync(root, { recursive: true }))

test('the same recipe opens it again, another one is refused by field, and so is another beginning', () => {
  openRunFolder(root, parseRecipe(testRecipe)).release()
  openRunFolder(root, parseRecipe(testRecipe)).release()
  const other = parseRecipe({ ...testRecipe, seed: 2, checkpointEverySteps: 9 })
  expect(() => openRunFolder(root, other)).toThrow(
    /a recipe that differs: seed: 1 → 2, checkpointEverySteps: 3 → 9\. Put the recipe back/,
  )
  const start = (folder: string, key: string) => () =>
    openRunFolder(join(root, 'from'), parseRecipe(testRecipe), { folder, key }).release()
  start('a', '1')()
  start('renamed', '1')()
  expect(start('a', '2')).toThrow(/began with the checkpoint a, which has changed since/)
  expect(start('b', '2')).toThrow(/began with the checkpoint a, not with the checkpoint b: give the same/)
  expect(() => openRunFolder(join(root, 'from'), parseRecipe(testRecipe))).toThrow(/not with random weights/)
})

test('a recipe.json from before a field was there still fits', () => {
  openRunFolder(root, parseRecipe(testRecipe)).release()
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
