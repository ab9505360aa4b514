import { describe, expect, test } from 'vitest'
import { nodePackage } from '../packages/cli/bin/pinnedNode.mjs'
import { staleReason } from './install.mjs'

const node = `node_modules/${nodePackage()}`
const wanted = {
  '': { version: '0.1.0' },
  'packages/cli': { version: '0.1.0' },
  'node_modules/@modu/cli': { resolved: 'packages/cli', link: true },
  'node_modules/hono': { version: '4.1.0' },
  'node_modules/vite/node_modules/hono': { version: '3.0.0' },
  'node_modules/for-another-system': { version: '1.0.0', optional: true },
  [node]: { version: '26.10.0', optional: true },
}
const installed = {
  'node_modules/@modu/cli': { resolved: 'packages/cli', link: true },
  'node_modules/hono': { version: '4.1.0' },
  'node_modules/vite/node_modules/hono': { version: '3.0.0' },
  [node]: { version: '26.10.0' },
}

describe('when packages are installed again', () => {
  test('not when everything of the lock file is there but packages for other systems', () => {
    expect(staleReason(wanted, installed)).toBeUndefined()
  })
  test('when there is no node_modules', () => {
    expect(staleReason(wanted, undefined)).toBe('node_modules')
  })
  test('when a package has another version, at any depth', () => {
    const older = { ...installed, 'node_modules/vite/node_modules/hono': { version: '2.0.0' } }
    expect(staleReason(wanted, older)).toBe('hono')
  })
  test('when a workspace is not linked', () => {
    const { 'node_modules/@modu/cli': _, ...rest } = installed
    expect(staleReason(wanted, rest)).toBe('@modu/cli')
  })
  test('when the Node of this system is missing, though it is optional', () => {
    const { [node]: _, ...rest } = installed
    expect(staleReason(wanted, rest)).toBe(nodePackage())
  })
})
