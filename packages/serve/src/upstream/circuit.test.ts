import { expect, test } from 'vitest'
import { Circuit, type Outcome } from './circuit.ts'

function testCircuit() {
  const clock = { seconds: 0 }
  const circuit = new Circuit({ failures: 3, firstPause: 1, longestPause: 4 }, () => clock.seconds * 1000)
  const go = (...outcomes: Outcome[]) => {
    for (const outcome of outcomes) circuit.enter().ended(outcome)
  }
  return { circuit, clock, go }
}

test('opens after so many failures in a row, and only then', () => {
  const { circuit, go } = testCircuit()
  go('failure', 'failure', 'success', 'failure', 'failure', 'unknown')
  expect([circuit.isClosed, circuit.admits]).toEqual([true, true])
  go('failure')
  expect([circuit.isClosed, circuit.admits]).toEqual([false, false])
})

test('half open, it lets one request try; the pause doubles each time that one fails, up to the longest', () => {
  const { circuit, clock, go } = testCircuit()
  go('failure', 'failure', 'failure')
  for (const pause of [1, 2, 4, 4]) {
    clock.seconds += pause - 0.01
    expect(circuit.admits).toBe(false)
    clock.seconds += 0.01
    expect(circuit.admits).toBe(true)
    const probe = circuit.enter()
    expect(circuit.admits).toBe(false)
    probe.ended('failure')
    expect(circuit.admits).toBe(false)
  }
})

test('closes when the answer to the one begins, and all is forgotten', () => {
  const { circuit, clock, go } = testCircuit()
  go('failure', 'failure', 'failure')
  clock.seconds = 1
  const probe = circuit.enter()
  probe.begun()
  expect([circuit.isClosed, circuit.admits]).toEqual([true, true])
  probe.ended('failure')
  go('failure')
  expect(circuit.isClosed).toBe(true)
  go('failure')
  expect(circuit.admits).toBe(false)
  clock.seconds = 2
  expect(circuit.admits).toBe(true)
})

test('failures that come to light later count like others', () => {
  const { circuit, clock, go } = testCircuit()
  go('failure', 'failure', 'unknown')
  circuit.blame()
  expect(circuit.admits).toBe(false)
  circuit.blame() // not news any more
  clock.seconds = 1
  expect(circuit.admits).toBe(true)
  go('unknown')
  circuit.blame()
  clock.seconds = 2.99
  expect(circuit.admits).toBe(false)
  clock.seconds = 3
  expect(circuit.admits).toBe(true)
})

test('a try that the client gave up leaves room for the next one', () => {
  const { circuit, clock, go } = testCircuit()
  go('failure', 'failure', 'failure')
  clock.seconds = 1
  go('unknown')
  expect([circuit.isClosed, circuit.admits]).toEqual([false, true])
})

test('what went out before it opened neither closes it nor makes the pause longer', () => {
  const { circuit, clock, go } = testCircuit()
  const [slow, slower] = [circuit.enter(), circuit.enter()]
  go('failure', 'failure', 'failure')
  slow.ended('success')
  slower.ended('failure')
  expect(circuit.isClosed).toBe(false)
  clock.seconds = 1
  expect(circuit.admits).toBe(true)
})
