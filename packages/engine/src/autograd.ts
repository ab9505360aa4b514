import { EngineError } from './errors.ts'
import type { Tensor } from './tensor.ts'

/** Where a gradient goes: `add` is 0 if every number must be written, 1 if it comes on top of what stands there. */
export interface Destination {
  readonly gradient: Tensor
  readonly add: 0 | 1
}

/**
 * Reverse-mode differentiation. While a tape is set on a device (`device.tape`), every operation whose inputs require
 * gradients records how to send the gradient of its output back to them; `backward` runs the records in reverse.
 * Gradients of intermediate tensors live in the device's temporary memory. The first to send one to a tensor may write
 * it (`destination`) or hand over a finished one (`adopt`), all others add to it.
 */
export class Tape {
  private readonly records: (() => void)[] = []
  private readonly gradients = new Map<Tensor, Tensor>()

  /** Remembers `backward` and marks `output` as depending on parameters. Call it only if an input `requiresGrad`. */
  record(output: Tensor, backward: () => void): void {
    output.requiresGrad = true
    if (output.base) output.base.requiresGrad = true
    this.records.push(backward)
  }

  /** The gradient of `tensor`, same shape, zero when first asked for. Parameters keep theirs in `tensor.grad`. */
  gradient(tensor: Tensor): Tensor {
    const owner = tensor.base ?? tensor
    let gradient = owner.grad ?? this.gradients.get(owner)
    if (!gradient) {
      gradient = owner.device.temporary(owner.shape)
      owner.device.fill(gradient, 0)
      this.gradients.set(owner, gradient)
    }
    return tensor === owner ? gradient : gradient.reshape(tensor.shape)
  }

  /**
   * Where to send a gradient of `tensor`. `add` is 0 if nothing has come yet: then every number must be written, since
   * what stands there is left from before. Else it is 1.
   */
  destination(tensor: Tensor): Destination {
    const owner = tensor.base ?? tensor
    if (owner.grad || this.gradients.has(owner)) return { gradient: this.gradient(tensor), add: 1 }
    const gradient = owner.device.temporary(owner.shape)
    this.gradients.set(owner, gradient)
    return { gradient: tensor === owner ? gradient : gradient.reshape(tensor.shape), add: 0 }
  }

  /** `destination` for a kernel that makes a gradient whether or not anybody wants it: else it goes where nobody looks. */
  sink(tensor: Tensor): Destination {
    return tensor.requiresGrad ? this.destination(tensor) : { gradient: tensor.device.temporary(tensor.shape), add: 0 }
  }

  /** Makes `gradient`, of which nobody else has need any more, that of `tensor`; false if `tensor` already has one. */
  adopt(tensor: Tensor, gradient: Tensor): boolean {
    const owner = tensor.base ?? tensor
    if (owner.grad || this.gradients.has(owner)) return false
    this.gradients.set(owner, gradient.reshape(owner.shape))
    return true
  }

  /** Sends the gradient 1 of the scalar `loss` back through everything recorded, then forgets the records. */
  backward(loss: Tensor): void {
    if (loss.size !== 1) throw new EngineError('gradient', `backward starts at a scalar, got [${loss.shape}]`)
    loss.device.fill(this.gradient(loss), 1)
    for (let i = this.records.length - 1; i >= 0; i--) this.records[i]!()
    this.records.length = 0
    this.gradients.clear()
  }
}

/** Runs `forward` with a tape and sends the gradient of the scalar it returns back to the parameters' `grad`. */
export function differentiate(device: Tensor['device'], forward: () => Tensor): Tensor {
  const tape = new Tape()
  device.tape = tape
  try {
    const loss = forward()
    tape.backward(loss)
    return loss
  } finally {
    device.tape = undefined
  }
}

/** The device's tape if any of `inputs` takes part in differentiation, else undefined: nothing to record. */
export function tapeOf(...inputs: readonly (Tensor | undefined)[]): Tape | undefined {
  const needed = inputs.some(input => input?.requiresGrad)
  return needed ? inputs.find(input => input !== undefined)?.device.tape : undefined
}
