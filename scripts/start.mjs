// npm start: installs what is missing, builds the page if it is stale, serves page and API.
import { join } from 'node:path'
import { nodeFlags } from '../packages/cli/bin/pinnedNode.mjs'
import { ensureInstalled } from './install.mjs'
import { ensurePage } from './page.mjs'
import { node, root, run } from './project.mjs'

await ensureInstalled()
await ensurePage('apps/web')
const modu = join(root, 'packages/cli/src/main.ts')
const port = process.env.PORT || '8080'
stopWhenOrphaned()
process.exitCode = await run(node(), [...nodeFlags, modu, 'serve', '--port', port, ...process.argv.slice(2)])

/** npm's shell dies of a SIGTERM without passing it on; when it is gone, the server is to stop as if it had been told. */
function stopWhenOrphaned() {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 500)
  watch.unref()
}
