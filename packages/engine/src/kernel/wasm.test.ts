import { afterAll, describe, expect, test } from 'vitest'
import { f32s, i32, kernel } from './kernel.ts'
import { buildProgram } from './language.ts'
import { machines, testKernel } from './testKernel.ts'
import { generateWasm, wasmTarget } from './wasm.ts'

const all = machines()
const cpus = all.filter(({ where }) => where.startsWith('cpu'))
afterAll(() => Promise.all(all.map(({ device }) => device.close())))

describe('a module', () => {
  test('is valid for an empty kernel and names its parts', () => {
    const empty = kernel({ name: 'empty', params: { x: f32s, n: i32 }, reference() {}, build() {} })
    const module = new WebAssembly.Module(generateWasm(buildProgram(empty, wasmTarget), 65_536))
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: true })
    const { exports } = new WebAssembly.Instance(module, { engine: { memory } })
    expect(Object.keys(exports)).toEqual(['run'])
  })

  test('reaches far places and holds many registers', () => {
    const far = 20_000
    const run = testKernel((k, { x, y }) => {
      const values = Array.from({ length: 300 }, (_, i) => x.at(far + i))
      const vectors = Array.from({ length: 300 }, (_, i) => x.vectorAt(i, far))
      y.set(
        0,
        values.reduce((a, b) => a.add(b)),
      )
      y.set(1, k.total(vectors.reduce((a, b) => a.add(b))))
    })
    const x = Array.from({ length: far + 400 }, (_, i) => (i < far ? 0 : i - far))
    for (const machine of all) {
      const { y } = run(machine, { x, y: 2 })
      expect(y[0], machine.where).toBe((300 * 299) / 2)
      expect(y[1]! % 300, machine.where).toBe(0)
      expect(y[1]!, machine.where).toBeGreaterThan(y[0]!)
    }
  })
})

describe('threads', () => {
  const threaded = { threaded: true }

  test('rows: every row once', () => {
    const run = testKernel((k, { z, n }) => k.rows(n, row => z.set(row, z.at(row).add(row).add(1))), threaded)
    for (const machine of all) {
      for (let n = 0; n <= 40; n++) {
        const { z } = run(machine, { n, z: 44 })
        const expected = Array.from({ length: 44 }, (_, row) => (row < n ? row + 1 : 0))
        expect(z, `${machine.where}, ${n} rows`).toEqual(expected)
      }
    }
  })

  test('shares cover everything once and are cut at multiples of the grain', () => {
    const grain = 16
    const run = testKernel((k, { z, n }) => k.share(n, grain, (from, to) => z.set(from, to)), threaded)
    for (const machine of all) {
      for (const n of [0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 100, 1000]) {
        const { z } = run(machine, { n, z: n + 1 })
        const cuts = [0]
        while (cuts.at(-1)! < n) cuts.push(z[cuts.at(-1)!]!)
        const at = `${machine.where}, ${n}: ${cuts}`
        expect(cuts.at(-1), at).toBe(n)
        expect(
          cuts.slice(0, -1).every(cut => cut % grain === 0),
          at,
        ).toBe(true)
        expect(z.filter(to => to !== 0).length, at).toBe(cuts.length - 1)
      }
    }
  })

  test('tasks: each once, whoever takes it', () => {
    const run = testKernel((k, { z, n }) => {
      k.tasks(n, task => z.set(task, z.at(task).add(1)))
      k.tasks(n.mul(0), task => z.set(task, -1))
    }, threaded)
    for (const machine of all) {
      for (const n of [0, 1, 2, 3, 7, 100]) {
        const { z } = run(machine, { n, z: 101 })
        expect(z, `${machine.where}, ${n} tasks`).toEqual(Array.from({ length: 101 }, (_, i) => (i < n ? 1 : 0)))
      }
    }
  })

  test('barrier: what tasks before it wrote is there after it, a thousand times over', () => {
    const phases = 9
    const n = 5
    // Each task of a phase continues what another task of the phase before noted.
    const run = testKernel((k, { z }) => {
      for (let phase = 0; phase < phases; phase++) {
        const [before, after] = [z.from(phase * n), z.from((phase + 1) * n)]
        k.tasks(n, task => after.set(task, before.at(task.add(1).rem(n)).add(task).add(1)))
        k.barrier()
      }
    }, threaded)
    let expected: number[] = Array(n).fill(0)
    const all = [expected]
    for (let phase = 0; phase < phases; phase++) {
      const before = expected
      expected = before.map((_, task) => before[(task + 1) % n]! + task + 1)
      all.push(expected)
    }
    for (const machine of cpus) {
      for (let repeat = 0; repeat < 1000; repeat++) {
        const { z } = run(machine, { z: n * (phases + 1) })
        if (z.join() !== all.flat().join()) expect(z, `${machine.where}, run ${repeat}`).toEqual(all.flat())
      }
    }
  })

  test('scratch: own memory for each thread, one for all', () => {
    const own = 37
    const tasks = 40
    const run = testKernel(
      (k, { y, z, n }) => {
        // A task finds its own scratch as it left it, while others run.
        k.tasks(tasks, task => {
          k.loop(0, own, i => k.own.set(i, task.mul(i).toReal()))
          k.loop(0, own, i => z.set(task.mul(own).add(i), k.own.at(i).toInt()))
        })
        k.rows(n, row => k.shared.set(row, row.toReal()))
        k.barrier()
        k.rows(n, row => y.set(row, k.shared.at(n.sub(1).sub(row))))
      },
      { threaded: true, perThread: own, shared: 50 },
    )
    for (const machine of all) {
      const { y, z } = run(machine, { n: 50, y: 50, z: tasks * own })
      expect(y, machine.where).toEqual(Array.from({ length: 50 }, (_, row) => 49 - row))
      const expected = Array.from({ length: tasks * own }, (_, at) => Math.floor(at / own) * (at % own))
      expect(z, machine.where).toEqual(expected)
    }
  })

  test('work below the limit runs on the calling thread alone', () => {
    const small = kernel({
      name: 'small',
      params: { y: f32s, n: i32 },
      reference() {},
      build: (k, { y }) => y.set(0, k.threads.toReal()),
      work: ({ n }) => n,
    })
    for (const { where, device } of cpus) {
      const y = device.persistent([1])
      device.run(small, { y, n: 1 })
      expect(y.data[0], where).toBe(1)
      device.run(small, { y, n: 1e9 })
      expect(y.data[0], where).toBe(device.threads)
    }
  })
})
