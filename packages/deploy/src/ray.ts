import { gatewayConfigText } from './gateway.ts'
import { engineImage, modelFolder } from './images.ts'
import { launch } from './launch.ts'
import type { Plan } from './plan.ts'
import { argumentLines, gatewayScript } from './script.ts'
import { yamlText } from './yamlText.ts'

/** Ray's release: of the cluster, and of the machine that talks to it. */
export const rayVersion = '2.60.0'

/** The files for a Ray cluster without Kubernetes, by name. */
export const rayFiles = (plan: Plan): Record<string, string> => ({
  'cluster.yaml': clusterFile(plan),
  'engine.py': engineProgram(plan),
  'gateway.sh': gatewayScript,
  'modu.json': gatewayConfigText({ 'k1-0': '127.0.0.1' }),
})

/** For `ray up`, with the provider of machines that are there already. */
function clusterFile(plan: Plan): string {
  const workers = Array.from({ length: plan.nodes - 1 }, (_, i) => `WORKER_${i + 1}_IP`)
  const gpuOptions =
    plan.gpu.vendor === 'nvidia' ? ['--gpus=all'] : ['--device=/dev/kfd', '--device=/dev/dri', '--group-add=video']
  const cluster = {
    cluster_name: 'k1',
    provider: { type: 'local', head_ip: 'HEAD_IP', worker_ips: workers },
    auth: { ssh_user: 'ubuntu', ssh_private_key: '~/.ssh/id_ed25519' },
    min_workers: workers.length,
    max_workers: workers.length,
    docker: {
      image: engineImage(plan),
      container_name: 'k1',
      run_options: [
        ...gpuOptions,
        '--ipc=host',
        '--network=host',
        '--ulimit=memlock=-1',
        '--entrypoint=',
        '--volume=/models:/models:ro',
        '--env-file=/etc/k1.env',
      ],
    },
    setup_commands: [`pip install "ray[default]==${rayVersion}"`],
    head_start_ray_commands: [
      'ray stop',
      `ray start --head --port=6379 --num-gpus=${plan.gpusPerNode} --resources='{"api": 1}' --autoscaling-config=~/ray_bootstrap_config.yaml`,
    ],
    worker_start_ray_commands: ['ray stop', `ray start --address=$RAY_HEAD_IP:6379 --num-gpus=${plan.gpusPerNode}`],
  }
  return yamlText(`${plan.nodes} × ${plan.gpusPerNode} ${plan.gpu.name} as a Ray cluster: ray up cluster.yaml`, [
    {
      value: cluster,
      notes: {
        provider: 'Machines that are there already, reached by SSH. Put in their addresses.',
        docker:
          'On every machine: Docker, the weights in /models/A.X-K1 (hf download skt/A.X-K1 --local-dir /models/A.X-K1).',
        'docker/run_options': "The engine's image starts the engine itself: --entrypoint= leaves that to engine.py.",
        [`docker/run_options/${gpuOptions.length + 5}`]: 'A file that only root reads, with the line ENGINE_API_KEY=…',
        setup_commands: 'Inside the container. The machine that runs ray up needs the same version.',
        head_start_ray_commands: 'The resource "api" marks the machine on which the API and Modu run.',
      },
    },
  ])
}

/** Starts the engine's process on every node, and all again if one ends. */
function engineProgram(plan: Plan): string {
  const { program, arguments: args } = launch(plan, modelFolder, { rank: '{rank}', head: '{head}' })
  const isHeadless = plan.engine === 'vllm' && plan.nodes > 1
  return `"""A.X K1 on ${plan.nodes} nodes of a Ray cluster: one process of the engine on each, the first on the node with the API.

    RAY_ADDRESS=http://HEAD_IP:8265 ray job submit --no-wait --working-dir . -- python3 engine.py
"""

import os
import subprocess
import time

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

NODES = ${plan.nodes}
GPUS = ${plan.gpusPerNode}
# setpriv: ends with the process that started it.
PROGRAM = ["setpriv", "--pdeathsig=TERM", ${program.map(word => `"${word}"`).join(', ')}]
ARGUMENTS = [
${argumentLines(args, text => `"${text}",`)}
]


@ray.remote(num_gpus=GPUS, max_restarts=0)
class Node:
    """The engine's process on one node."""

    def address(self) -> str:
        return ray.util.get_node_ip_address()

    def run(self, rank: int, head: str) -> int:
        """Runs until the process ends; returns its exit code."""
        key = os.environ["ENGINE_API_KEY"]
        arguments = [argument.format(rank=rank, head=head) for argument in ARGUMENTS]
${isHeadless ? '        if rank > 0:\n            arguments.append("--headless")  # only the first node has an API\n' : ''}${plan.engine === 'sglang' ? '        arguments.append(f"--api-key={key}")\n' : ''}        environment = {**os.environ, "VLLM_API_KEY": key, "HF_HUB_OFFLINE": "1"}
        return subprocess.run([*PROGRAM, *arguments], env=environment).returncode


def serve() -> None:
    """Runs all processes until the first of them ends, then ends the others."""
    bundles = [{"GPU": GPUS, **({"api": 1} if rank == 0 else {})} for rank in range(NODES)]
    group = placement_group(bundles, strategy="STRICT_SPREAD")
    ray.get(group.ready())
    nodes = [
        Node.options(
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)
        ).remote()
        for rank in range(NODES)
    ]
    head = ray.get(nodes[0].address.remote())
    runs = [node.run.remote(rank, head) for rank, node in enumerate(nodes)]
    ended, _ = ray.wait(runs, num_returns=1)
    print("a process of the engine ended; all start again", ended)
    for node in nodes:
        ray.kill(node)
    remove_placement_group(group)


if __name__ == "__main__":
    ray.init()
    while True:
        serve()
        time.sleep(10)
`
}
