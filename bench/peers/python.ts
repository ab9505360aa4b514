import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const beside = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The Python of the peers: that of `bench/.venv`, or the one that MODU_PYTHON names. */
export const python = (): string => process.env.MODU_PYTHON ?? beside('../.venv/bin/python')

export const howToInstall =
  'No Python peer: python3 -m venv bench/.venv && bench/.venv/bin/pip install -r bench/peers/requirements.txt'

/**
 * Runs `bench/peers/SCRIPT.py` with `args` as JSON in its first argument, and gives the JSON object that it prints as its
 * last line. Undefined, and a printed word on how to install them, where Python or one of its packages is missing.
 * Throws what the script wrote to its error stream if it failed otherwise.
 */
export async function pythonPeer(
  script: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown> | undefined> {
  const child = spawn(python(), [beside(`${script}.py`), JSON.stringify(args)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>(resolve => {
    child.on('error', () => resolve(null)).on('close', code => resolve(code))
  })
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code === null || errors.includes('ModuleNotFoundError')) {
    console.log(`${howToInstall}\n`)
    return undefined
  }
  if (code !== 0) throw new Error(`bench/peers/${script}.py failed with code ${code}:\n${errors}`)
  return JSON.parse(output.trimEnd().split('\n').at(-1)!)
}
