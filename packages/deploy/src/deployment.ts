import { kubernetesFiles } from './kubernetes.ts'
import type { Plan } from './plan.ts'
import { rayFiles } from './ray.ts'
import { slurmFiles } from './slurm.ts'

const filesOf = { kubernetes: kubernetesFiles, ray: rayFiles, slurm: slurmFiles }

export type Platform = keyof typeof filesOf
export const platforms = Object.keys(filesOf) as readonly Platform[]

/** The files that carry out a plan on a platform: their texts by their names. */
export const deploymentFiles = (plan: Plan, platform: Platform): Record<string, string> => filesOf[platform](plan)
