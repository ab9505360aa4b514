import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Tensor } from '@modu/engine'
import { readJson, SafetensorsFile, writeFileAtomic, writeSafetensors } from '@modu/model'
import { TrainError } from './errors.ts'
import type { StageName } from './recipe.ts'

/** Where a run stands, beside the numbers in the tensors. The order of the data follows from seed, stage and step. */
export interface RunState {
  /** Steps done over all stages, and in the current one. */
  readonly step: number
  readonly stage: StageName
  readonly stageStep: number
  /** Tokens that went through the model, and seconds spent, over all sittings. */
  readonly tokens: number
  readonly seconds: number
  /** The encoded data the run trains on. */
  readonly dataKey: string
}

/** How many checkpoints of each kind are kept: those to resume from, and the last one before the learning rate falls. */
const kept = { step: 2, stable: 1 }
type Kind = keyof typeof kept
const folderName = (kind: Kind, step: number): string => `${kind}-${String(step).padStart(6, '0')}`
const tensorsFile = 'state.safetensors'
const stateFile = 'state.json'

const stepOf = (name: string): number => Number(/-(\d+)$/.exec(name)![1])

/** The complete checkpoints of some kind, or all, in a folder, oldest first. */
function complete(folder: string, kind?: Kind): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => /^(step|stable)-\d+$/.test(name) && (kind === undefined || name.startsWith(`${kind}-`)))
    .sort((a, b) => stepOf(a) - stepOf(b))
    .map(name => join(folder, name))
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Writes a checkpoint `step-N` (or `stable-N`) into `folder`: all tensors in full precision and the state. It is written
 * under another name and renamed when complete, so a crash or a full disk never leaves half a checkpoint; then all but
 * the last two (or the last) of its kind are removed. A `disk` error if it cannot be written; the earlier checkpoints stay.
 */
export function saveCheckpoint(
  folder: string,
  state: RunState,
  tensors: ReadonlyMap<string, Tensor>,
  kind: Kind = 'step',
): void {
  const target = join(folder, folderName(kind, state.step))
  const temporary = `${target}.tmp`
  try {
    mkdirSync(folder, { recursive: true })
    rmSync(temporary, { recursive: true, force: true })
    mkdirSync(temporary)
    writeSafetensors(
      join(temporary, tensorsFile),
      [...tensors].map(([name, tensor]) => ({
        name,
        // The reference device computes in float64: keep every bit.
        dtype: tensor.data instanceof Float64Array ? 'F64' : 'F32',
        shape: tensor.shape,
        data: tensor.reals,
      })),
    )
    writeFileAtomic(join(temporary, stateFile), `${JSON.stringify(state, null, 2)}\n`)
    syncFolder(temporary)
    rmSync(target, { recursive: true, force: true })
    renameSync(temporary, target)
    syncFolder(folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    const why = error instanceof Error ? error.message : String(error)
    throw new TrainError(
      'disk',
      `the checkpoint of step ${state.step} could not be written: ${why}. The earlier checkpoints in ${folder} are untouched: make room, then run the same command to go on from there`,
      { cause: error },
    )
  }
  for (const old of complete(folder, kind).slice(0, -kept[kind])) rmSync(old, { recursive: true, force: true })
}

export interface FoundCheckpoint {
  readonly path: string
  readonly state: RunState
}

/** The newest complete checkpoint (of which `fits` holds), or undefined; remains of interrupted writes are removed. */
export function findCheckpoint(
  folder: string,
  fits: (state: RunState) => boolean = () => true,
): FoundCheckpoint | undefined {
  if (!existsSync(folder)) return undefined
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tmp')) rmSync(join(folder, name), { recursive: true, force: true })
  }
  return complete(folder)
    .map(path => ({ path, state: readJson(join(path, stateFile)) as RunState }))
    .findLast(({ state }) => fits(state))
}

/** Removes all checkpoints of later steps than `step`. */
export function rewindCheckpoints(folder: string, step: number): void {
  for (const path of complete(folder).filter(path => stepOf(path) > step))
    rmSync(path, { recursive: true, force: true })
}

/** Reads the tensors of a checkpoint into `tensors`, which must have the same names. */
export function loadCheckpoint(path: string, tensors: ReadonlyMap<string, Tensor>): void {
  const file = new SafetensorsFile(join(path, tensorsFile))
  try {
    for (const [name, tensor] of tensors) file.readInto(name, tensor.reals)
  } finally {
    file.close()
  }
}
