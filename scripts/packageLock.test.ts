import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from './project.mjs'

const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
const packages: Record<string, Record<string, unknown>> = read('package-lock.json').packages
const installed = Object.entries(packages).filter(([path]) => path.includes('node_modules/'))

describe('package-lock.json', () => {
  test('names no registry, and pins every package by a hash', () => {
    for (const [path, { resolved, integrity, link }] of installed) {
      if (link) expect(resolved, path).toMatch(/^(packages|apps)\//)
      else expect({ path, resolved, integrity }).toEqual({ path, resolved: undefined, integrity: expect.any(String) })
    }
  })

  test('holds the Node of every platform, not only of the one it was written on', () => {
    const { optionalDependencies } = read('package.json')
    const names = Object.keys(optionalDependencies).filter(name => name.startsWith('node-'))
    expect(names.length).toBeGreaterThanOrEqual(5)
    for (const name of names) {
      expect(packages[`node_modules/${name}`]).toMatchObject({ version: optionalDependencies[name], optional: true })
    }
  })

  test('no package of the product needs an install script', () => {
    const withScript = installed.filter(([, entry]) => entry.hasInstallScript && !entry.optional)
    expect(withScript.map(([path]) => path)).toEqual([])
  })
})
