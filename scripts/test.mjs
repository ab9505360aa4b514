// npm test: installs what is missing, runs the tests on the pinned Node, ends with the line "N passed, N failed".
// npm test -- packages/engine runs a part.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBrowser, findBrowser } from './browser.mjs'
import { ensureInstalled } from './install.mjs'
import { node, nodeEnvironment, root, run } from './project.mjs'

const filters = process.argv.slice(2)

await ensureInstalled()
if (filters.length === 0 || filters.some(filter => filter.includes('apps'))) await ensureBrowser()

const folder = mkdtempSync(join(tmpdir(), 'modu-test-'))
const report = join(folder, 'report.json')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
const browser = findBrowser()
const env = { ...nodeEnvironment(), ...(browser && { CHROMIUM: browser }) }
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const code = await run(node(), [vitest, 'run', ...reporters, ...filters], { env })
const { passed, failed, skipped } = count(report)
rmSync(folder, { recursive: true, force: true })
// A run that ended badly without a failed test (an error outside of tests, a crash) has failed all the same.
const failures = code !== 0 || passed === 0 ? Math.max(failed, 1) : failed
console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failures > 0 ? 1 : 0

/**
 * Counts what vitest's JSON report says. A test file that could not be loaded counts as one failure.
 * @param {string} report
 */
function count(report) {
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'))
    /** @type {{status: string, assertionResults: unknown[]}[]} */
    const files = result.testResults
    const broken = files.filter(file => file.status === 'failed' && file.assertionResults.length === 0)
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + broken.length,
      skipped: result.numPendingTests + result.numTodoTests,
    }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}
