import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { howToInstall, python } from './python.ts'

export const servingName = 'transformers serve'

/** Importing PyTorch takes long where much else runs. */
const patienceMs = 120_000

/**
 * Runs `transformers serve` with the checkpoint in `folder` while `measure` asks it. Its continuous batching cannot keep a
 * latent cache (transformers 5.24), so requests that come together are answered one after the other. Undefined, and a
 * printed word on how to install it, where Python or one of its packages is missing.
 */
export async function servingPeer<T>(
  folder: string,
  threads: number,
  measure: (url: string) => Promise<T>,
): Promise<T | undefined> {
  const port = await freePort()
  const args = ['serve', folder, '--device', 'cpu', '--dtype', 'float32', '--port', String(port)]
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), HF_HUB_OFFLINE: '1' }
  const child = spawn(join(dirname(python()), 'transformers'), args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  let hasEnded = false
  child.stderr.on('data', part => {
    errors = `${errors}${part}`.slice(-10_000)
  })
  child.on('error', () => {
    hasEnded = true
  })
  child.on('close', () => {
    hasEnded = true
  })
  try {
    const url = `http://127.0.0.1:${port}`
    const until = performance.now() + patienceMs
    while (!(await answers(url))) {
      if (hasEnded) {
        if (errors === '' || /ModuleNotFound|ImportError/.test(errors)) {
          console.log(`${howToInstall}\n`)
          return undefined
        }
        throw new Error(`${servingName} ended:\n${errors}`)
      }
      if (performance.now() > until) throw new Error(`${servingName} does not answer:\n${errors}`)
      await setTimeout(500)
    }
    return await measure(url)
  } finally {
    child.kill()
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/health`).then(
    response => response.ok,
    () => false,
  )

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
