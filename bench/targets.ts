import { availableTargets, type CpuTarget } from '@modu/engine'
import { option } from './measure.ts'

/** The target that `--target` names, or all that this machine runs, the fastest first. */
export function targets(args: readonly string[]): CpuTarget[] {
  const only = option(args, 'target', '')
  return only === '' ? availableTargets() : [only as CpuTarget]
}

/** `--no-peer` leaves the peer out. */
export const wantsPeer = (args: readonly string[]): boolean => !args.includes('--no-peer')
