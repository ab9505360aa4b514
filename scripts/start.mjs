// npm start: installs what is missing, builds the page if it is stale, serves page and API.
import { nodeFlags, pinnedNode } from '../packages/cli/bin/pinnedNode.mjs'
import { ensureInstalled } from './install.mjs'
import { ensurePage } from './page.mjs'
import { fail, root, run } from './project.mjs'

await ensureInstalled()
await ensurePage()
const args = ['serve', '--port', process.env.PORT || '8080', ...process.argv.slice(2)]
try {
  process.exitCode = await run(pinnedNode(), [...nodeFlags, `${root}packages/cli/src/main.ts`, ...args])
} catch (error) {
  fail(String(error.message), String(error.message))
}
