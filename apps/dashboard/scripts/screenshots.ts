/*
 * Pictures of the page for the documents, made from a running server: npm run screenshots -w apps/dashboard [-- URL]
 * They show the run that the page shows first.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { launchBrowser } from '@modu/web/browser'

const images = join(import.meta.dirname, '../../../docs/images')

const { positionals } = parseArgs({ allowPositionals: true })
const url = positionals[0] ?? 'http://127.0.0.1:8090'
const browser = await launchBrowser()
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, colorScheme })
    await page.goto(url)
    await page.locator('.plot canvas').first().waitFor()
    // What comes in pieces has come.
    await page.waitForTimeout(1500)
    const path = join(images, `dashboard-${colorScheme}.png`)
    await page.screenshot({ path })
    console.log(path)
  }
} finally {
  await browser.close()
}
