import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { nodePackage, pinnedNode, requiredMajor } from '../bin/pinnedNode.mjs'

const { version, platform } = process
const pretend = (what: Partial<Record<'version' | 'platform', string>>) => {
  for (const [name, value] of Object.entries(what)) Object.defineProperty(process, name, { value })
}
afterEach(() => pretend({ version, platform }))

describe('the Node that runs the sources', () => {
  test('is the running one if that is new enough', () => {
    expect(pinnedNode()).toBe(process.execPath)
    pretend({ version: `v${requiredMajor + 2}.0.0` })
    expect(pinnedNode()).toBe(process.execPath)
  })

  test.runIf(nodePackage())('is the one that npm installed if the running one is older', () => {
    pretend({ version: 'v20.20.2' })
    const node = pinnedNode()
    expect(node).toContain(nodePackage())
    const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
    expect(Number.parseInt(stdout.slice(1), 10)).toBeGreaterThanOrEqual(requiredMajor)
  })

  test('where there is neither, the message says what to install', () => {
    pretend({ version: 'v22.3.0', platform: 'sunos' })
    expect(nodePackage()).toBeUndefined()
    expect(() => pinnedNode()).toThrow(/v22\.3\.0.*sunos/)
  })
})
