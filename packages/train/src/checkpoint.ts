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

const kept = 2
const folderName = (step: number): string => `step-${String(step).padStart(6, '0')}`
const tensorsFile = 'state.safetensors'
const stateFile = 'state.json'

/** The complete checkpoints in a folder, oldest first. */
function complete(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => /^step-\d+$/.test(name))
    .sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
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
 * Writes a checkpoint `step-N` into `folder`: all tensors in full precision and the state. It is written under another
 * name and renamed when complete, so a crash or a full disk never leaves half a checkpoint; then all but the last two
 * are removed. A `disk` error if it cannot be written; the earlier checkpoints stay.
 */
export function saveCheckpoint(folder: string, state: RunState, tensors: ReadonlyMap<string, Tensor>): void {
  const target = join(folder, folderName(state.step))
  const temporary = join(folder, `${folderName(state.step)}.tmp`)
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
  for (const old of complete(folder).slice(0, -kept)) rmSync(old, { recursive: true, force: true })
}

/** The state of the newest complete checkpoint, or undefined; remains of interrupted writes are removed. */
export function findCheckpoint(folder: string): { path: string; state: RunState } | undefined {
  if (!existsSync(folder)) return undefined
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tmp')) rmSync(join(folder, name), { recursive: true, force: true })
  }
  const path = complete(folder).at(-1)
  return path === undefined ? undefined : { path, state: readJson(join(path, stateFile)) as RunState }
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
