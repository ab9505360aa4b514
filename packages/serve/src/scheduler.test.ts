import { setImmediate as eventLoop } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Scheduler, type Seat } from './scheduler.ts'

const never = new AbortController().signal

/** Takes `steps` turns and writes its name into `log` at each. */
async function run(name: string, steps: number, seat: Seat, log: string[]): Promise<void> {
  try {
    for (let i = 0; i < steps; i++) {
      await seat.turn()
      log.push(name)
    }
  } finally {
    seat.leave()
  }
}

describe('Scheduler', () => {
  test('takes turns, one step each, so that a long answer does not hold up a short one', async () => {
    const scheduler = new Scheduler({ seats: 3, line: 0 })
    const log: string[] = []
    const seats = await Promise.all([1, 2, 3].map(() => scheduler.enter(never)))
    await Promise.all([run('a', 6, seats[0], log), run('b', 2, seats[1], log), run('c', 3, seats[2], log)])
    expect(log.join('')).toBe('abcabcacaaa')
    expect(scheduler.running).toBe(0)
  })

  test('lets the event loop run between two steps', async () => {
    const scheduler = new Scheduler({ seats: 2, line: 0 })
    const log: string[] = []
    const seat = await scheduler.enter(never)
    const running = run('step', 3, seat, log)
    for (let i = 0; i < 3; i++) {
      await eventLoop()
      log.push('loop')
    }
    await running
    expect(log).toEqual(['step', 'loop', 'step', 'loop', 'step', 'loop'])
  })

  test('whoever finds no seat waits in order; a full line is refused with 429 and when to come back', async () => {
    const scheduler = new Scheduler({ seats: 1, line: 2 })
    const first = await scheduler.enter(never)
    const order: string[] = []
    const enterAs = async (name: string) => {
      const seat = await scheduler.enter(never)
      order.push(name)
      return seat
    }
    const second = enterAs('second')
    const third = enterAs('third')
    expect(scheduler).toMatchObject({ running: 1, waiting: 2 })
    await expect(scheduler.enter(never)).rejects.toMatchObject({ status: 429, headers: { 'Retry-After': '2' } })
    first.leave()
    first.leave()
    ;(await second).leave()
    ;(await third).leave()
    expect(order).toEqual(['second', 'third'])
    expect(scheduler).toMatchObject({ running: 0, waiting: 0 })
  })

  test('whoever gives up in line makes room for the next', async () => {
    const scheduler = new Scheduler({ seats: 1, line: 1 })
    const first = await scheduler.enter(never)
    const impatient = new AbortController()
    const second = scheduler.enter(impatient.signal)
    impatient.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    const third = scheduler.enter(never)
    first.leave()
    ;(await third).leave()
    expect(scheduler).toMatchObject({ running: 0, waiting: 0 })
  })

  test('whoever gives up while seated gets no further turn', async () => {
    const scheduler = new Scheduler({ seats: 1, line: 0 })
    const gone = new AbortController()
    const seat = await scheduler.enter(gone.signal)
    await seat.turn()
    const next = seat.turn()
    gone.abort(new Error('gone'))
    await expect(next).rejects.toThrow('gone')
  })

  test('closing sends away who waits and who comes, not who is seated', async () => {
    const scheduler = new Scheduler({ seats: 1, line: 1 })
    const seat = await scheduler.enter(never)
    const waiting = scheduler.enter(never)
    scheduler.close()
    await expect(waiting).rejects.toMatchObject({ status: 503 })
    await expect(scheduler.enter(never)).rejects.toMatchObject({ status: 503 })
    await seat.turn()
    seat.leave()
  })
})
