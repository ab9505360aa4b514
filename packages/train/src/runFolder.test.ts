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

test('the same recipe opens it again, another one is refused by field', () => {
  openRunFolder(root, parseRecipe(testRecipe)).release()
  openRunFolder(root, parseRecipe(testRecipe)).release()
  const other = parseRecipe({ ...testRecipe, seed: 2, checkpointEverySteps: 9 })
  expect(() => openRunFolder(root, other)).toThrow(/other "seed", "checkpointEverySteps": put the recipe back/)
})

test('two processes do not train in one folder; a dead one leaves it free', () => {
  const recipe = parseRecipe(testRecipe)
  writeFileSync(join(root, 'lock'), String(process.ppid))
  expect(() => openRunFolder(root, recipe)).toThrow(/process \d+ is training in/)
  writeFileSync(join(root, 'lock'), '999999999')
  openRunFolder(root, recipe).release()
  expect(existsSync(join(root, 'lock'))).toBe(false)
})
