import { describe, expect, test } from 'vitest'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { kernels } from '../ops/kernels.ts'
import { blocks, isPure, operands, result, walk } from './instructions.ts'
import type { Block, Instruction, Program, Register } from './ir.ts'
import { f32, f32s, i32, i32s, kernel } from './kernel.ts'
import { type Builder, type BuilderArguments, buildProgram, exp, type Int } from './language.ts'
import { optimize } from './optimize.ts'
import { randomKernel } from './randomKernel.ts'
import { testKernel } from './testKernel.ts'

const target = { name: 'test', width: 8, registers: 16 }
const params = { x: f32s, y: f32s, z: i32s, n: i32, m: i32, a: f32 } as const

/** The optimised program of a small kernel. */
function optimised(build: (k: Builder, args: BuilderArguments<typeof params>) => void): Program {
  return optimize(buildProgram(kernel({ name: 'test', params, reference: () => {}, build }), target))
}

/** What stands in `block`, as words: op and function. Constants of the program and what the builder adds do not count. */
function words(block: Block): string[] {
  return block.filter(i => i.op !== 'const').map(i => ('fn' in i ? i.fn : i.op))
}

function loopsIn(block: Block): (Instruction & { op: 'loop' })[] {
  const loops: (Instruction & { op: 'loop' })[] = []
  walk(block, i => {
    if (i.op === 'loop') loops.push(i)
  })
  return loops
}

const stores = (program: Program) => {
  const found: (Instruction & { op: 'store' })[] = []
  walk(program.body, i => {
    if (i.op === 'store') found.push(i)
  })
  return found
}

describe('constants', () => {
  test('equal ones become one, all at the beginning', () => {
    const { body, types } = optimised((k, { x, y, n }) => {
      y.set(0, 2)
      k.loop(0, n, i => {
        y.set(i, x.at(i).mul(2).add(0.1))
        k.if(i.gt(1), () => y.setVector(i, k.vector(2)))
      })
    })
    const constants = body.filter(i => i.op === 'const')
    expect(body.slice(0, constants.length)).toEqual(constants)
    const keys = constants.map(i => `${types[i.to]} ${i.value}`)
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys).toContain('f32 2')
    expect(keys).toContain(`f32 ${Math.fround(0.1)}`)
    walk(body.slice(constants.length), i => expect(i.op).not.toBe('const'))
  })

  test('zero and minus zero differ', () => {
    const program = optimised((_, { y }) => {
      y.set(0, 0)
      y.set(1, -0)
    })
    const [zero, minusZero] = stores(program)
    expect(zero!.from).not.toBe(minusZero!.from)
  })
})

describe('equal values', () => {
  test('are computed once, in the same block and in those inside', () => {
    const { body } = optimised((k, { y, z, n, m }) => {
      z.set(0, n.mul(m).sub(m))
      z.set(1, n.mul(m).sub(m))
      k.if(n.gt(m), () => z.set(2, m.mul(n).sub(m)))
      y.set(0, n.toReal())
    })
    expect(words(body)).toEqual(['mul', 'sub', 'store', 'store', 'gt', 'if', 'toReal', 'store'])
  })

  test('of one branch are not known in the other, nor after it', () => {
    const { body } = optimised((k, { z, n, m }) => {
      k.if(
        n.gt(m),
        () => z.set(0, n.mul(m)),
        () => z.set(1, n.mul(m)),
      )
      z.set(2, n.mul(m))
    })
    const branches = body.find(i => i.op === 'if')!
    expect(blocks(branches).map(words)).toEqual([
      ['mul', 'store'],
      ['mul', 'store'],
    ])
    expect(words(body).slice(-2)).toEqual(['mul', 'store'])
  })

  test('of variables are computed anew when those have changed', () => {
    const program = optimised((k, { z, n, m }) => {
      const v = k.intVariable(n)
      z.set(0, v.value.mul(m))
      z.set(1, v.value.mul(m))
      v.set(m.max(7))
      z.set(2, v.value.mul(m))
      k.loop(0, n, () => {
        z.set(3, v.value.mul(m))
        v.set(v.value.mul(m))
        z.set(4, v.value.mul(m))
      })
      z.set(5, v.value.mul(m))
    })
    const from = stores(program).map(store => store.from)
    expect(from[1]).toBe(from[0])
    expect(new Set(from).size).toBe(5)
  })

  test('are loaded again only after a store', () => {
    const { body } = optimised((_, { x, y, z }) => {
      const sum = x.at(0).add(x.at(0))
      y.set(0, sum.mul(x.at(0)))
      z.set(0, 1)
      y.set(1, x.at(0))
    })
    expect(words(body)).toEqual(['load', 'add', 'mul', 'store', 'store', 'load', 'store'])
  })
})

describe('loops', () => {
  test('compute only what changes', () => {
    const { body } = optimised((k, { x, y, n, m, a }) => k.loop(0, n, i => y.set(i, x.at(m.mul(3)).mul(a.add(1)))))
    expect(words(body)).toEqual(['mul', 'add', 'loop'])
    expect(words(loopsIn(body)[0]!.body)).toEqual(['load', 'mul', 'store'])
  })

  test('have nothing of exp but its arithmetic', () => {
    const { body } = optimised((k, { x, y, n, a }) => k.lanes(n, i => y.set(i, exp(x.at(i).mul(a)))))
    const [wide] = loopsIn(body)
    const inside = words(wide!.body)
    for (const word of ['const', 'splat', 'copy', 'address']) expect(inside).not.toContain(word)
    expect(inside.filter(word => word === 'load')).toHaveLength(1)
  })

  test('keep divisions that may be by zero, and what depends on variables that they write', () => {
    const { body } = optimised((k, { z, n, m }) => {
      const v = k.intVariable(0)
      k.loop(0, n, i => {
        z.set(i, m.div(n).add(m.div(3)))
        z.set(i, v.value.add(m))
        v.set(v.value.add(i))
      })
    })
    expect(words(loopsIn(body)[0]!.body)).toEqual(['div', 'add', 'store', 'add', 'store', 'add'])
    expect(words(body)).toEqual(['copy', 'div', 'loop'])
  })

  test('that never turn, and branches whose condition is known, are gone', () => {
    const { body } = optimised((k, { z, n }) => {
      k.loop(n, n, i => z.set(i, i))
      k.if(
        k.int(3).lt(2),
        () => z.set(0, 1),
        () => z.set(0, 2),
      )
    })
    expect(words(body)).toEqual(['store'])
  })
})

describe('integers', () => {
  const rules: [string, (n: Int, k: Builder) => Int, string[]][] = [
    ['n + 0', n => n.add(0), []],
    ['0 + n', (n, k) => k.int(0).add(n), []],
    ['n − 0', n => n.sub(0), []],
    ['n · 1', n => n.mul(1), []],
    ['n / 1', n => n.div(1), []],
    ['n · 0', n => n.mul(0), []],
    ['2 · 3 − 7', (_, k) => k.int(2).mul(3).sub(7), []],
    ['(n + 1) + 2', n => n.add(1).add(2), ['add']],
    ['(n − 1) + 1', n => n.sub(1).add(1), []],
    ['3 · (n · 5)', (n, k) => k.int(3).mul(n.mul(5)), ['mul']],
    ['max(max(n, 0), 1)', n => n.max(0).max(1), ['max']],
    ['n · 8', n => n.mul(8), ['shl']],
    ['n / 8', n => n.div(8), ['shr']],
    ['n rem 8', n => n.rem(8), ['and']],
    ['1 / 0', (_, k) => k.int(1).div(0), ['div']],
  ]
  test.each(rules)('%s', (_, build, expected) => {
    const { body } = optimised((k, { z, n }) => z.set(0, build(n, k)))
    expect(words(body)).toEqual([...expected, 'store'])
  })

  test('wrap in constants as they do in kernels', () => {
    const { body } = optimised((k, { z }) =>
      z.set(
        0,
        k
          .int(2 ** 31 - 1)
          .add(1)
          .mul(3),
      ),
    )
    expect(body.filter(i => i.op === 'const').map(i => i.value)).toEqual([-(2 ** 31)])
  })
})

describe('addresses', () => {
  const onlyStore = (build: Parameters<typeof optimised>[0]) => {
    const program = optimised(build)
    const [store] = stores(program)
    return { ...store!, words: words(program.body) }
  }

  test('constant parts go into the offset', () => {
    const { base, index, offset, words } = onlyStore((k, { y, a }) => y.from(3).from(k.int(2).mul(2)).set(1, a))
    expect({ index, offset, words }).toEqual({ index: undefined, offset: 32, words: ['store'] })
    expect(base).toBe(onlyStore((_, { y, a }) => y.set(0, a)).base)
  })

  test('constant terms of an index go into the offset, as long as that is not negative', () => {
    const above = onlyStore((_, { y, n, a }) => y.set(n.add(1).add(2), a))
    expect(above).toMatchObject({ offset: 12, words: ['store'] })
    const below = onlyStore((_, { y, n, a }) => y.from(3).set(n.sub(2), a))
    expect(below).toMatchObject({ offset: 4, words: ['store'] })
    const negative = onlyStore((_, { y, n, a }) => y.set(n.sub(2), a))
    expect(negative).toMatchObject({ offset: 0, words: ['add', 'store'] })
  })

  test('what is computed for one access becomes its index, what a loop keeps stays', () => {
    const { body } = optimised((k, { x, y, n, m }) =>
      k.loop(0, n, i => {
        y.from(i.mul(m)).set(0, x.from(m.mul(m)).at(2))
      }),
    )
    expect(words(body)).toEqual(['mul', 'address', 'loop'])
    expect(words(loopsIn(body)[0]!.body)).toEqual(['mul', 'load', 'store'])
  })

  test('of cursors are those of the moment', () => {
    const { body } = optimised((k, { x, y, n }) => {
      const cursor = x.cursor()
      k.loop(0, n, i => {
        const before = cursor.from(1)
        cursor.advance(5)
        y.set(i, before.at(0))
      })
    })
    expect(words(loopsIn(body)[0]!.body)).toEqual(['address', 'address', 'load', 'store'])
  })
})

describe('copies', () => {
  test('a variable is written by what computes its new value', () => {
    const { body } = optimised((k, { x, y, n }) => {
      const total = k.variable(0)
      k.loop(0, n, i => total.set(total.value.max(x.at(i))))
      y.set(0, total.value)
    })
    expect(words(loopsIn(body)[0]!.body)).toEqual(['load', 'max'])
  })

  test('but not before its old value has been read', () => {
    const { body } = optimised((k, { x, y, n }) => {
      const v = k.variable(0)
      k.loop(0, n, i => {
        const next = x.at(i)
        y.set(i, v.value)
        v.set(next)
      })
    })
    expect(words(loopsIn(body)[0]!.body)).toEqual(['load', 'store', 'copy'])
  })

  test('of what stays the same are not needed', () => {
    const { body } = optimised((k, { y, n, a }) => {
      const v = k.variable(a)
      k.loop(0, n, i => y.set(i, v.value))
    })
    expect(words(body)).toEqual(['loop'])
  })
})

test('what nobody reads is gone', () => {
  const { body } = optimised((k, { x, y, n, a }) => {
    x.at(n.mul(3)).add(a).sqrt()
    k.loop(0, n, i => {
      k.if(i.gt(3), () => {
        x.at(i)
      })
    })
    y.set(0, a)
  })
  expect(words(body)).toEqual(['store'])
})

describe('every kernel', () => {
  const built = kernels.filter(({ build }) => build)

  test('computes in its loops only what changes there', () => {
    for (const kernel of built) {
      const program = optimize(buildProgram(kernel, target))
      for (const loop of loopsIn(program.body)) {
        const written = new Set<Register | undefined>()
        walk([loop], i => written.add(result(i)))
        for (const i of loop.body) {
          // Divisions may be by zero, comparisons stay with their branches.
          if (!isPure(i) || i.op === 'compare' || ('fn' in i && (i.fn === 'div' || i.fn === 'rem'))) continue
          const changes = operands(i).some(register => written.has(register))
          expect(changes, `${kernel.name}: ${JSON.stringify(i)}`).toBe(true)
        }
      }
    }
  })

  test.each([8, 16])('multiplies matrices with %i lanes in loops of loads, products and steps of cursors', width => {
    const matmul = built.find(({ name }) => name === 'matmul')!
    const program = optimize(buildProgram(matmul, { name: 'test', width, registers: 2 * width }))
    const products = (block: Block) => block.filter(i => i.op === 'fma').length
    const most = loopsIn(program.body).reduce(
      (most, { body }) => (products(body) > products(most) ? body : most),
      [] as Block,
    )
    expect(products(most)).toBeGreaterThan(40)
    for (const i of most) {
      const isStep = (i.op === 'address' || i.op === 'binary') && operands(i).includes(result(i)!)
      if (!isStep) expect(['load', 'fma']).toContain(i.op)
    }
  })
})

test('random kernels give the same bits before and after', () => {
  const machines = [createInterpreterDevice(target), createInterpreterDevice(target, optimize)]
  for (let seed = 1; seed <= 100; seed++) {
    const { build, inputs } = randomKernel(seed, seed % 2 === 0)
    const run = testKernel(build, { threaded: true })
    const [expected, actual] = machines.map(device => run({ where: '', device }, inputs))
    expect(actual, `seed ${seed}`).toEqual(expected)
  }
})
