import { afterAll, describe, expect, test } from 'vitest'
import { differentiate } from './autograd.ts'
import { createCpuDevice } from './device/cpu.ts'
import type { Device } from './device/device.ts'
import { createReferenceDevice } from './device/reference.ts'
import { adamW } from './ops/adamW.ts'
import { add } from './ops/add.ts'
import { attention } from './ops/attention.ts'
import { embedding } from './ops/embedding.ts'
import { expandLatent } from './ops/expandLatent.ts'
import { experts } from './ops/experts.ts'
import { gradientNorm } from './ops/gradientNorm.ts'
import { linear } from './ops/linear.ts'
import { linearCrossEntropy } from './ops/linearCrossEntropy.ts'
import { rmsNorm } from './ops/rmsNorm.ts'
import { rotary } from './ops/rotary.ts'
import { router } from './ops/router.ts'
import { split } from './ops/split.ts'
import type { Tensor } from './tensor.ts'
import { constants, expectClose, randomInteger, randomSource, reals } from './testing.ts'

// One layer of the architecture, built from the operations: they work together, on the tape and in memory.

const shape = {
  vocabulary: 29,
  hidden: 12,
  heads: 3,
  keyDim: 5,
  ropeDim: 4,
  valueDim: 6,
  rank: 7,
  experts: 4,
  topk: 2,
  I: 5,
}
const [batch, length] = [2, 9]
const rows = batch * length

function createLayer(device: Device) {
  const { vocabulary: V, hidden: H, heads, keyDim, ropeDim, valueDim, rank, experts: E, topk, I } = shape
  const random = randomSource(11)
  const parameters: Record<string, Tensor> = {}
  const parameter = (name: string, ...size: number[]) => {
    const tensor = device.from(reals(random, size, 0.5).values, size)
    tensor.requiresGrad = true
    tensor.grad = device.persistent(size)
    parameters[name] = tensor
    return tensor
  }
  const embed = parameter('embed', V, H)
  const norm = parameter('norm', H)
  const wQ = parameter('wQ', heads * (keyDim + ropeDim), H)
  const wKvA = parameter('wKvA', rank + ropeDim, H)
  const wKvB = parameter('wKvB', heads * (keyDim + valueDim), rank)
  const wO = parameter('wO', H, heads * valueDim)
  const gate = parameter('gate', E, H)
  const gateUp = parameter('gateUp', E, 2 * I, H)
  const down = parameter('down', E, H, I)
  const angles = Array.from({ length: length * 2 }, (_, i) => Math.floor(i / 2) / 10 ** (i % 2))
  const table = {
    cos: device.from(constants(angles.map(Math.cos)).values, [length, 2]),
    sin: device.from(constants(angles.map(Math.sin)).values, [length, 2]),
  }
  const ids = device.from(
    Array.from({ length: rows }, () => randomInteger(random, V)),
    [rows],
    'i32',
  )
  const labels = device.from(
    Array.from({ length: rows }, (_, i) => (i % 5 ? randomInteger(random, V) : -100)),
    [rows],
    'i32',
  )
  const positions = device.from(
    Array.from({ length: rows }, (_, i) => i % length),
    [rows],
    'i32',
  )
  const bias = device.from([0.1, 0, -0.1, 0.2], [E])

  const forward = () => {
    const x = embedding(embed, ids)
    const input = rmsNorm(x, norm, 1e-6)
    const turn = { width: ropeDim, interleaved: true }
    const q = rotary(linear(input, wQ).reshape([rows, heads, keyDim + ropeDim]), table, positions, {
      start: keyDim,
      ...turn,
    })
    const [latent, rope] = split(linear(input, wKvA), rank)
    const turned = rotary(rope.reshape([rows, 1, ropeDim]), table, positions, { start: 0, ...turn })
    const kv = linear(latent, wKvB).reshape([rows, heads, keyDim + valueDim])
    const { k, v } = expandLatent(kv, turned.reshape([rows, ropeDim]), keyDim)
    const attended = attention(q, k, v, { sequences: batch, scale: (keyDim + ropeDim) ** -0.5 })
    const middle = add(x, linear(attended, wO))
    const options = { groups: 1, topkGroups: 1, topk, normalise: true, scale: 2.5 }
    const normed = rmsNorm(middle, norm, 1e-6)
    const mixed = experts(normed, router(linear(normed, gate), bias, options), gateUp, down)
    // The head is tied to the embedding: its gradient comes from both ends.
    return linearCrossEntropy(add(middle, mixed), embed, labels, { chunk: 4 })
  }
  return { parameters, forward }
}

/** Three steps; the losses, the gradients of the first, the parameters at the end, the memory after each. */
function train(device: Device) {
  const { parameters, forward } = createLayer(device)
  const all = Object.values(parameters)
  const moments = all.map(({ shape }) => ({ m: device.persistent(shape), v: device.persistent(shape) }))
  const losses: number[] = []
  const reserved: number[] = []
  let gradients: Record<string, number[]> = {}
  for (let step = 1; step <= 3; step++) {
    losses.push(differentiate(device, forward).data[0]!)
    if (step === 1) {
      gradients = Object.fromEntries(Object.entries(parameters).map(([name, p]) => [name, Array.from(p.grad!.data)]))
    }
    const gradientScale = Math.min(1, 1 / gradientNorm(all))
    for (const [i, parameter] of all.entries()) {
      const options = { lr: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, step, gradientScale }
      adamW(parameter, moments[i]!, options)
    }
    device.reset()
    reserved.push(device.reservedBytes)
  }
  return { losses, reserved, gradients, final: all.flatMap(parameter => Array.from(parameter.data)) }
}

describe('a training step', () => {
  const cpus = [1, 2].map(threads => createCpuDevice({ threads }))
  afterAll(() => Promise.all(cpus.map(cpu => cpu.close())))
  const reference = createReferenceDevice()

  test('cpu follows the reference, the same on one and two threads', () => {
    const expected = train(reference)
    const [one, two] = cpus.map(train)
    expectClose(one!.losses, expected.losses, 1e-5, 'losses')
    for (const [name, gradient] of Object.entries(expected.gradients)) {
      expectClose(one!.gradients[name]!, gradient, 1e-5, `gradient of ${name}`)
    }
    expectClose(one!.final, expected.final, 1e-4, 'parameters after three steps')
    expect(expected.losses[2]).toBeLessThan(expected.losses[0]!)
    expect([two!.losses, two!.gradients, two!.final]).toEqual([one!.losses, one!.gradients, one!.final])
    // The second step of the same kind needs no more memory.
    expect(one!.reserved[2]).toBe(one!.reserved[0])
  })

  test('the gradient of the whole agrees with finite differences along random directions', () => {
    const { parameters, forward } = createLayer(reference)
    differentiate(reference, forward)
    const random = randomSource(17)
    for (const [name, parameter] of Object.entries(parameters)) {
      const direction = reals(random, parameter.shape).values
      const before = Array.from(parameter.data)
      const lossAt = (step: number) => {
        for (const [i, value] of before.entries()) parameter.data[i] = value + step * direction[i]!
        return forward().data[0]!
      }
      const difference = (lossAt(1e-6) - lossAt(-1e-6)) / 2e-6
      lossAt(0)
      const slope = direction.reduce((sum, d, i) => sum + d * parameter.grad!.data[i]!, 0)
      expect(Math.abs(slope - difference), name).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)))
    }
  })

  test('gradients of micro-batches add up in the parameters', () => {
    const { parameters, forward } = createLayer(reference)
    differentiate(reference, forward)
    const once = Array.from(parameters.wQ!.grad!.data)
    differentiate(reference, forward)
    expectClose(
      parameters.wQ!.grad!.data,
      once.map(g => 2 * g),
      1e-12,
      'wQ',
    )
  })
})
