import type { Device, Recording, Tensor } from '@modu/engine'

/**
 * The step of one token, or of one token of each of several sequences, recorded once and replayed for every token: the same
 * calls with the same arguments each time, on tokens and positions that lie in tensors. Nothing is allocated for a token.
 */
export class RecordedStep {
  private readonly device: Device
  private readonly ids: Tensor
  private readonly places: Tensor
  private readonly recording: Recording<Tensor>
  private readonly logits: Float32Array

  /** `forward` maps token ids and their positions, i32 [rows] each, to logits [rows, vocabulary]. */
  constructor(device: Device, rows: number, forward: (ids: Tensor, positions: Tensor) => Tensor) {
    this.device = device
    this.ids = device.persistent([rows], 'i32')
    this.places = device.persistent([rows], 'i32')
    this.recording = device.record(() => forward(this.ids, this.places))
    const { data } = this.recording.result
    this.logits = data instanceof Float32Array ? data : new Float32Array(data.length)
  }

  /** The tokens of the next run, [rows]: to be set before it. */
  get tokens(): Int32Array {
    return this.ids.integers
  }

  /** Their positions, [rows]. */
  get positions(): Int32Array {
    return this.places.integers
  }

  /** The logits after each of `tokens` at its position, [rows, vocabulary]; the next run writes over them. */
  run(): Float32Array {
    this.recording.replay()
    const { data } = this.recording.result
    if (this.logits !== data) this.logits.set(data)
    return this.logits
  }

  release(): void {
    this.recording.release()
    this.device.release(this.ids)
    this.device.release(this.places)
  }
}
