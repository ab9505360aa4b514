// npm start: installs what is missing, builds the page if it is stale, serves page and API.
import { join } from 'node:path'
import { nodeFlags } from '../packages/cli/bin/pinnedNode.mjs'
import { ensureInstalled } from './install.mjs'
import { ensurePage } from './page.mjs'
import { node, root, run } from './project.mjs'

await ensureInstalled()
await ensurePage()
const modu = join(root, 'packages/cli/src/main.ts')
const port = process.env.PORT || '8080'
process.exitCode = await run(node(), [...nodeFlags, modu, 'serve', '--port', port, ...process.argv.slice(2)])
