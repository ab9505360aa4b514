import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** The folder of PostgreSQL's programs, where Debian's package `postgresql` or another has put them. */
export const postgresPrograms = [
  ...globSync('/usr/lib/postgresql/*/bin'),
  '/usr/local/pgsql/bin',
  '/opt/homebrew/bin',
].find(folder => existsSync(join(folder, 'initdb')))

export interface TestServer {
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Stops it and deletes its files. */
  remove(): Promise<void>
}

/** A PostgreSQL server of the test's own, with an empty database. It refuses to run as root, so then it is the user `postgres`. */
export async function testPostgres(programs: string): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'modu-postgres-'))
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, encoding: 'utf8' as const }
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'modu', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8'],
    options,
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  const port = await freePort()
  let child: ReturnType<typeof spawn> | undefined
  const server: TestServer = {
    url: `postgres://modu:no-secret@127.0.0.1:${port}/postgres`,
    async start() {
      const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', port }
      const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      child = spawn(join(programs, 'postgres'), ['-D', data, ...args], { ...user, cwd: folder, stdio: 'ignore' })
      const ready = () =>
        spawnSync(join(programs, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', `${port}`]).status === 0
      while (!ready()) await setTimeout(50)
    },
    async stop() {
      if (!child) return
      const ended = new Promise(resolve => child!.once('exit', resolve))
      // Its own signal for: break off all connections, and end in order.
      child.kill('SIGINT')
      await ended
      child = undefined
    },
    async remove() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

const idOf = (which: '-u' | '-g'): number => Number(spawnSync('id', [which, 'postgres'], { encoding: 'utf8' }).stdout)

const freePort = (): Promise<number> =>
  new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
