import type { Device, RotaryTable, Tensor } from '@modu/engine'
import type { RopeParameters } from './config.ts'

/**
 * Angular frequency of each rotary pair, and the factor on cosines and sines. Computed in float32 like the official
 * code (transformers, `modeling_rope_utils.py`): at far positions an angle in float64 would already differ visibly.
 */
export function ropeFrequencies(
  rope: RopeParameters,
  width: number,
): { frequencies: Float32Array; attentionFactor: number } {
  const f32 = Math.fround
  const half = width / 2
  const plain = Float32Array.from({ length: half }, (_, i) => 1 / f32(rope.theta ** f32((2 * i) / width)))
  if (rope.type === 'default') return { frequencies: plain, attentionFactor: 1 }
  if (rope.type === 'linear') return { frequencies: plain.map(f => f / rope.factor), attentionFactor: 1 }
  if (rope.type === 'llama3') {
    const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope
    const frequencies = plain.map(f => {
      const wavelength = f32((2 * Math.PI) / f)
      if (wavelength < originalMaxPositions / highFreqFactor) return f
      if (wavelength > originalMaxPositions / lowFreqFactor) return f / factor
      const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
      return ((1 - smooth) * f) / factor + smooth * f
    })
    return { frequencies, attentionFactor: 1 }
  }
  // YaRN (Peng et al. 2023): pairs that turn often in the original context stay, slow ones are interpolated.
  const { theta, factor, originalMaxPositions, betaFast, betaSlow, truncate } = rope
  const pairThatTurns = (turns: number): number =>
    (width * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [fast, slow] = [pairThatTurns(betaFast), pairThatTurns(betaSlow)]
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0)
  const high = Math.min(truncate ? Math.ceil(slow) : slow, width - 1)
  const frequencies = plain.map((f, i) => {
    const ramp = Math.min(Math.max((i - low) / (high === low ? 0.001 : high - low), 0), 1)
    return (f / factor) * ramp + f * (1 - ramp)
  })
  const { mscale, mscaleAllDim } = rope
  const attentionFactor =
    rope.attentionFactor ??
    (mscale && mscaleAllDim ? yarnMscale(factor, mscale) / yarnMscale(factor, mscaleAllDim) : yarnMscale(factor, 1))
  return { frequencies, attentionFactor }
}

/** YaRN's temperature: 0.1·mscale·ln(factor) + 1. */
export const yarnMscale = (factor: number, mscale: number): number =>
  factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1

/**
 * Cosines and sines of the rotary angles by position, on a device; a longer table is made when longer sequences come.
 * Each is twice as long as the one before or longer, so that keeping them all costs at most as much as the last.
 */
export class RopeTable {
  private readonly device: Device
  private readonly frequencies: Float32Array
  private readonly attentionFactor: number
  private table: RotaryTable | undefined
  private positions = 0

  constructor(device: Device, rope: RopeParameters, width: number) {
    this.device = device
    const { frequencies, attentionFactor } = ropeFrequencies(rope, width)
    this.frequencies = frequencies
    this.attentionFactor = attentionFactor
  }

  /** A table for positions 0 to `count` − 1 or more. Recorded steps keep what they got. */
  upTo(count: number): RotaryTable {
    if (this.table && count <= this.positions) return this.table
    this.positions = Math.max(256, 2 ** Math.ceil(Math.log2(count)))
    this.table = { cos: this.fill(Math.cos), sin: this.fill(Math.sin) }
    return this.table
  }

  private fill(f: (angle: number) => number): Tensor {
    const { frequencies, positions } = this
    const tensor = this.device.persistent([positions, frequencies.length])
    for (let p = 0, at = 0; p < positions; p++)
      for (const frequency of frequencies) tensor.data[at++] = f(Math.fround(p * frequency)) * this.attentionFactor
    return tensor
  }
}
