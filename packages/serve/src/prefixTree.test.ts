import { expect, test } from 'vitest'
import { SequenceStore, type StoredSequence } from './sequenceStore.ts'
import { randomModel } from './testModels.ts'

const { model } = await randomModel()

/** A page of tokens that begin with `first`. */
const page = (first: number) => Array.from({ length: 16 }, (_, i) => first + i)

/** A sequence of pages with these first tokens, computed as far as it is not known. */
function run(store: SequenceStore, ...firsts: number[]): StoredSequence {
  const sequence = store.open()
  sequence.tokens.push(...firsts.flatMap(page))
  sequence.share()
  while (!sequence.cached.reserve(sequence.chunk)) expect(store.tree.evict()).toBe(true)
  store.runChunk(sequence)
  return sequence
}

/** Whether the tree knows this beginning. */
function knows({ tree }: SequenceStore, ...firsts: number[]): boolean {
  let node: ReturnType<typeof tree.find> = tree.root
  for (const first of firsts) node = node && tree.find(node, page(first))
  return node !== undefined
}

test('pages outlive their sequence; what begins with the same tokens holds them, too', () => {
  const store = new SequenceStore(model, 8 * 16)
  const first = run(store, 1, 20)
  expect([knows(store, 1), knows(store, 1, 20), knows(store, 20), knows(store, 1, 1)]).toEqual([
    true,
    true,
    false,
    false,
  ])
  const second = run(store, 1, 40)
  expect(second.cached.pages[0]).toBe(first.cached.pages[0])
  expect([store.heldPages, store.cache.freePages]).toEqual([3, 5])
  first.giveUp()
  expect([store.heldPages, store.tree.idlePages, store.cache.freePages]).toEqual([2, 1, 5])
  second.giveUp()
  expect([store.heldPages, store.tree.idlePages, store.cache.freePages]).toEqual([0, 3, 5])
  store.cache.release()
})

test('forgets what was of no use for longest, ends before beginnings, and nothing that a sequence holds', () => {
  const store = new SequenceStore(model, 8 * 16)
  run(store, 1, 20).giveUp()
  run(store, 40, 60).giveUp()
  run(store, 1, 80).giveUp()
  const held = run(store, 100, 120, 140, 160)
  const known = () => [
    knows(store, 1, 20),
    knows(store, 40, 60),
    knows(store, 40),
    knows(store, 1, 80),
    knows(store, 1),
  ]
  expect(known()).toEqual([false, true, true, true, true])
  store.tree.evict()
  expect(known()).toEqual([false, false, true, true, true])
  store.tree.evict()
  store.tree.evict()
  expect(known()).toEqual([false, false, false, false, true])
  expect([store.tree.evict(), store.tree.evict()]).toEqual([true, false])
  expect(knows(store, 100, 120, 140, 160)).toBe(true)
  held.giveUp()
  expect([store.heldPages, store.tree.idlePages, store.cache.freePages]).toEqual([0, 4, 4])
  store.cache.release()
})

test('two that compute the same at the same time keep one page of it', () => {
  const store = new SequenceStore(model, 8 * 16)
  const [first, second] = [store.open(), store.open()]
  for (const sequence of [first, second]) {
    sequence.tokens.push(...page(1), 9)
    sequence.cached.reserve(17)
    store.runChunk(sequence)
  }
  expect(second.cached.pages[0]).toBe(first.cached.pages[0])
  expect(store.heldPages).toBe(3)
  store.cache.release()
})
