import type { Device, Recording, Tensor } from '@modu/engine'

/**
 * The step of one token, recorded once and replayed for every token: the same calls with the same arguments each time, on
 * a token and a position that lie in tensors. Nothing is allocated for a token.
 */
export class RecordedStep {
  private readonly device: Device
  private readonly token: Tensor
  private readonly position: Tensor
  private readonly recording: Recording<Tensor>
  private readonly logits: Float32Array

  /** `forward` maps token ids and their positions, i32 [1] each, to logits [1, vocabulary]. */
  constructor(device: Device, forward: (ids: Tensor, positions: Tensor) => Tensor) {
    this.device = device
    this.token = device.persistent([1], 'i32')
    this.position = device.persistent([1], 'i32')
    this.recording = device.record(() => forward(this.token, this.position))
    const { data } = this.recording.result
    this.logits = data instanceof Float32Array ? data : new Float32Array(data.length)
  }

  /** The logits after `token` at `position`, [vocabulary]; the next call writes over them. */
  run(token: number, position: number): Float32Array {
    this.token.data[0] = token
    this.position.data[0] = position
    this.recording.replay()
    const { data } = this.recording.result
    if (this.logits !== data) this.logits.set(data)
    return this.logits
  }

  release(): void {
    this.recording.release()
    this.device.release(this.token)
    this.device.release(this.position)
  }
}
