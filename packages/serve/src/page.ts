import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

/**
 * The page: the files of `folder` (Vite's output), and its index.html for every other address, as the page finds its
 * own way. Names under /assets/ carry a hash of their contents and may be kept forever; the rest is asked for anew.
 */
export function page(folder: string): Hono {
  const app = new Hono()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        // Styles may stand in attributes (highlighting, formulas); pictures only come from here, so that an answer
        // cannot call out to a stranger's server by showing one.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        fontSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
      xFrameOptions: 'DENY',
      referrerPolicy: 'no-referrer',
      strictTransportSecurity: false,
    }),
  )
  if (!existsSync(join(folder, 'index.html'))) return app.get('/', c => c.html(notBuilt, 503))
  app.use(async (c, next) => {
    await next()
    const kept = c.res.ok && c.req.path.startsWith('/assets/')
    c.header('Cache-Control', kept ? 'public, max-age=31536000, immutable' : 'no-cache')
  })
  app.get('*', serveStatic({ root: folder }))
  const index = serveStatic({ path: join(folder, 'index.html') })
  // A missing file is missing; every address a person could have typed leads to the page.
  app.get('*', (c, next) => (/^\/assets\/|\.\w+$/.test(c.req.path) ? next() : index(c, next)))
  return app
}

const notBuilt = `<!doctype html>
<html lang="ko">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Modu</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}code{background:#8883;padding:.1em .3em;border-radius:.3em}</style>
<h1>화면이 아직 만들어지지 않았습니다</h1>
<p>프로젝트 폴더에서 <code>npm start</code>를 실행하면 화면을 만들어 보여 드립니다. API는 지금도 쓸 수 있습니다: <a href="/v1/models">/v1/models</a></p>
<p lang="en">The page has not been built yet: run <code>npm start</code> in the project folder. The API already answers.</p>
</html>
`
