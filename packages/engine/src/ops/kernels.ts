import type { Kernel } from '../kernel/kernel.ts'
import { adamWKernels } from './adamW.ts'
import { addKernels } from './add.ts'
import { appendLatentsKernels } from './appendLatents.ts'
import { appendRowsKernels } from './appendRows.ts'
import { attentionKernels } from './attention.ts'
import { balanceLossKernels } from './balanceLoss.ts'
import { cachedAttentionKernels } from './cachedAttention.ts'
import { combineKernels } from './combine.ts'
import { copyColumnsKernels } from './copyColumns.ts'
import { crossEntropyKernels } from './crossEntropy.ts'
import { embeddingKernels } from './embedding.ts'
import { expandLatentKernels } from './expandLatent.ts'
import { fewRowsExpertsKernels } from './fewRowsExperts.ts'
import { gradientNormKernels } from './gradientNorm.ts'
import { groupByExpertKernels } from './groupByExpert.ts'
import { groupedMatmulKernels } from './groupedMatmul.ts'
import { latentAttentionKernels } from './latentAttention.ts'
import { linearKernels } from './linear.ts'
import { linearAddKernels } from './linearAdd.ts'
import { logitBlocksKernels } from './logitBlocks.ts'
import { matmulKernels } from './matmul.ts'
import { normLinearKernels } from './normLinear.ts'
import { rmsNormKernels } from './rmsNorm.ts'
import { rotaryKernels } from './rotary.ts'
import { routerKernels } from './router.ts'
import { scaleKernels } from './scale.ts'
import { scoreEntropiesKernels } from './scoreEntropies.ts'
import { swigluKernels } from './swiglu.ts'
import { swigluLinearKernels } from './swigluLinear.ts'
import { unsharedMatmulKernels } from './unsharedMatmul.ts'

/** Every kernel there is, for tests that go through all of them. */
export const kernels = [
  ...adamWKernels,
  ...addKernels,
  ...appendLatentsKernels,
  ...appendRowsKernels,
  ...attentionKernels,
  ...balanceLossKernels,
  ...logitBlocksKernels,
  ...cachedAttentionKernels,
  ...combineKernels,
  ...copyColumnsKernels,
  ...crossEntropyKernels,
  ...embeddingKernels,
  ...expandLatentKernels,
  ...fewRowsExpertsKernels,
  ...gradientNormKernels,
  ...groupByExpertKernels,
  ...groupedMatmulKernels,
  ...latentAttentionKernels,
  ...linearKernels,
  ...linearAddKernels,
  ...matmulKernels,
  ...normLinearKernels,
  ...rmsNormKernels,
  ...rotaryKernels,
  ...routerKernels,
  ...scaleKernels,
  ...scoreEntropiesKernels,
  ...swigluKernels,
  ...unsharedMatmulKernels,
  ...swigluLinearKernels,
] as readonly Kernel[]
