import { parentPort, workerData } from 'node:worker_threads'
import type { ChatEvent } from '@modu/model'
import { emptyUsage } from '../wire.ts'
import { LocalEngine, type LocalModel } from './localEngine.ts'
import {
  type Command,
  cardOf,
  type Happening,
  type Order,
  packError,
  type Report,
  type ThreadStart,
} from './protocol.ts'
import { Reporter } from './reporter.ts'
import type { Seat } from './seat.ts'

// The engine's thread: makes the models and runs them, as asked by the other side (engineThread.ts).

const { source, limits } = workerData as ThreadStart

/** A seat as the other side knows it, by its number. */
interface Place {
  readonly number: number
  readonly seat: Seat
  readonly leaving: AbortController
  readonly entered: PromiseWithResolvers<void>
  readonly tell: (happening: Happening) => void
}

async function start(): Promise<void> {
  const { loadModels } = (await import(source.module)) as {
    loadModels: (data: unknown) => Promise<ReadonlyMap<string, LocalModel>>
  }
  const engine = new LocalEngine(await loadModels(source.data), limits)
  report({ type: 'ready', models: [...engine.models].map(([name, model]) => cardOf(name, model)) })
  answerTo(engine)
}

function answerTo(engine: LocalEngine): void {
  const places = new Map<number, Place>()
  const reporter = new Reporter(report, () => engine.load)

  const sit = (number: number, key: string): Place => {
    const leaving = new AbortController()
    const entered = Promise.withResolvers<void>()
    // Of an answer that waits for it there may be none.
    entered.promise.catch(() => {})
    const tell = (happening: Happening) => reporter.tell({ ...happening, seat: number })
    return { number, seat: engine.seat(key, leaving.signal), leaving, entered, tell }
  }

  const run = async (place: Place, { answer, model, method, args }: Question) => {
    const { number, seat, leaving, entered, tell } = place
    const usage = emptyUsage()
    const options = { ...(args.at(-1) as object), seat, signal: leaving.signal, usage }
    const ask = engine.models.get(model)![method] as (...args: unknown[]) => AsyncIterable<ChatEvent> | Promise<unknown>
    const asked = ask(...args.slice(0, -1), options)
    if (Symbol.asyncIterator in asked) {
      await entered.promise
      const events = asked[Symbol.asyncIterator]()
      let next = events.next()
      tell({ type: 'begun', answer, usage })
      let type: string | undefined
      for (let event = await next; !event.done; event = await next) {
        reporter.tellEvent(number, answer, event.value, usage, event.value.type !== type)
        type = event.value.type
        next = events.next()
      }
    } else tell({ type: 'value', answer, value: await asked })
    tell({ type: 'end', answer })
  }

  const follow = (place: Place, order: Exclude<Order, { type: 'sit' }>) => {
    const { seat, leaving, entered, tell } = place
    switch (order.type) {
      case 'ask':
        run(place, order).catch(error => tell({ type: 'failed', answer: order.answer, error: packError(error) }))
        break
      case 'enter':
        entered.resolve(seat.enter())
        entered.promise.then(
          () => tell({ type: 'entered' }),
          error => tell({ type: 'refused', error: packError(error) }),
        )
        break
      case 'leave':
        leaving.abort()
        seat.leave()
        // There is more room now.
        reporter.hurry()
    }
  }

  parentPort!.on('message', (command: Command) => {
    if (command.type === 'close') engine.close()
    else if (command.type === 'sit') places.set(command.seat, sit(command.seat, command.key))
    else {
      const place = places.get(command.seat)
      if (place) follow(place, command)
      if (command.type === 'leave') places.delete(command.seat)
    }
  })
}

type Question = Extract<Order, { type: 'ask' }>

const report = (report: Report) => parentPort!.postMessage(report)

start().catch(error => report({ type: 'broken', error: packError(error) }))
