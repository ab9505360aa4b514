import { gatewayConfigText } from './gateway.ts'
import { engineImage, modelFolder } from './images.ts'
import { launch } from './launch.ts'
import type { Plan } from './plan.ts'
import { argumentLines, gatewayScript } from './script.ts'

/** The files for Slurm, by name. One job is one copy of the model. */
export const slurmFiles = (plan: Plan): Record<string, string> => ({
  'k1.sbatch': jobScript(plan),
  'engine.sh': engineScript(plan),
  'gateway.sh': gatewayScript,
  'modu.json': gatewayConfigText({ 'k1-0': '127.0.0.1' }),
})

const jobScript = (plan: Plan): string => `#!/bin/bash
# A.X K1 on ${plan.nodes} × ${plan.gpusPerNode} ${plan.gpu.name}, with Modu in front of it on the first node. In this folder:
#   export ENGINE_API_KEY MODU; sbatch k1.sbatch
# ENGINE_API_KEY: a long random string, known to the engine and to Modu only (openssl rand -hex 32).
# MODU: a checkout of Modu that the first node sees, in which npm ci has run.
# DATABASE_URL: a PostgreSQL for keys and usage; without it they lie in the home folder (~/.modu).
#SBATCH --job-name=k1
#SBATCH --nodes=${plan.nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=${plan.gpusPerNode}
#SBATCH --exclusive
#SBATCH --time=7-00:00:00
#SBATCH --output=k1-%j.log
# A node that fails takes the job with it; it then starts anew on others.
#SBATCH --requeue
# Two minutes before the time is up, this script may end things in order.
#SBATCH --signal=B:TERM@120
set -euo pipefail
: "\${ENGINE_API_KEY:?must be set, see above}" "\${MODU:?must be set, see above}"

# Where hf download skt/A.X-K1 --local-dir has put the weights; every node sees it.
model=\${MODEL:-${modelFolder}}
image=\${IMAGE:-${engineImage(plan)}}
here=$SLURM_SUBMIT_DIR

# The first node of the list has rank 0: this script runs there, and so does the engine's API.
HEAD=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export HEAD

# The engine, once on every node, in a container (pyxis and enroot). If one process fails, all end.
srun --kill-on-bad-exit=1 \\
  --container-image="$image" \\
  --container-mounts="$model:${modelFolder}:ro,$here:$here:ro" \\
  bash "$here/engine.sh" &
bash "$here/gateway.sh" &

# The job ends when either ends, and takes the other with it.
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
trap 'exit 143' TERM
wait -n
`

function engineScript(plan: Plan): string {
  const { program, arguments: args } = launch(plan, modelFolder, { rank: '$SLURM_PROCID', head: '$HEAD' })
  return `#!/bin/bash
# The engine's process on one node; k1.sbatch starts it on each.
set -euo pipefail
arguments=(
${argumentLines(args, text => (text.includes('$') ? text.replace(/=(.*)/, '="$1"') : `'${text}'`))}
)
${plan.engine === 'vllm' ? vllmEnvironment(plan) : 'arguments+=(--api-key="$ENGINE_API_KEY")'}
export HF_HUB_OFFLINE=1
exec ${program.join(' ')} "\${arguments[@]}"
`
}

const vllmEnvironment = ({ nodes }: Plan): string =>
  `${nodes > 1 ? '# Only the first node has an API.\nif ((SLURM_PROCID > 0)); then arguments+=(--headless); fi\n' : ''}export VLLM_API_KEY=$ENGINE_API_KEY`
