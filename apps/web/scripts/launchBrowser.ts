import { type Browser, chromium } from 'playwright-core'
import { findBrowser } from '../../../scripts/browser.mjs'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The Chromium of this machine, without a window and with a new, empty profile. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findBrowser()
  if (!executablePath) {
    throw new Error(
      'There is no Chromium. Install it (Debian: apt-get install chromium fonts-noto-cjk), or name one with CHROMIUM=path.',
    )
  }
  return chromium.launch({ executablePath, headless: true, args: flags })
}
