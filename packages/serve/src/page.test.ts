import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { page } from './page.ts'

describe('the page', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'modu-page-'))
    mkdirSync(join(folder, 'assets'))
    writeFileSync(join(folder, 'index.html'), '<title>모두</title>')
    writeFileSync(join(folder, 'assets/main-4f3a.js'), 'export {}')
    writeFileSync(join(folder, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(['/', '/chats/3'])('%s leads to the page, asked for anew each time', async path => {
    const response = await page(folder).request(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toContain('text/html')
    expect(response.headers.get('Cache-Control')).toBe('no-cache')
    expect(await response.text()).toContain('모두')
  })

  test('files named by their contents are kept forever, others are not', async () => {
    const script = await page(folder).request('/assets/main-4f3a.js')
    expect(script.headers.get('Content-Type')).toContain('text/javascript')
    expect(script.headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable')
    const icon = await page(folder).request('/icon.svg')
    expect(icon.headers.get('Content-Type')).toContain('image/svg+xml')
    expect(icon.headers.get('Cache-Control')).toBe('no-cache')
  })

  test.each([
    '/assets/old-1b2c.js',
    '/assets/old',
    '/favicon.ico',
    '/../package.json',
    '/%2e%2e/%2e%2e/etc/passwd.txt',
  ])('%s is not there', async path => {
    expect((await page(folder).request(path)).status).toBe(404)
  })

  test('scripts and frames of strangers are kept out', async () => {
    const { headers } = await page(folder).request('/')
    expect(headers.get('Content-Security-Policy')).toMatch(/default-src 'self'.*frame-ancestors 'none'/)
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Access-Control-Allow-Origin')).toBeNull()
  })

  test('before it is built, says in Korean how to build it', async () => {
    const response = await page(join(folder, 'nothing')).request('/')
    expect(response.status).toBe(503)
    const text = await response.text()
    expect(text).toContain('화면이 아직 만들어지지 않았습니다')
    expect(text).toContain('npm start')
  })
})
