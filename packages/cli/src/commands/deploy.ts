import type { Plan, Platform } from '@modu/deploy'
import { columns } from '../columns.ts'
import { defineCommand, oneOf, wholeNumber } from '../command.ts'
import { UsageError } from '../errors.ts'
import { localized, type Text } from '../language.ts'

export const deploy = defineCommand({
  name: 'deploy',
  summary: {
    ko: '진짜 A.X K1을 GPU 클러스터에서 서비스하는 파일을 만듭니다',
    en: 'write the files that serve the real A.X K1 on a cluster of GPUs',
  },
  operands: [{ name: 'MODEL', help: { ko: 'k1 (A.X K1, 매개변수 519B)', en: 'k1 (A.X K1, 519B parameters)' } }],
  options: {
    engine: {
      value: 'NAME',
      help: { ko: '추론 엔진: vllm (기본), sglang', en: 'inference engine: vllm (default), sglang' },
    },
    on: { value: 'PLATFORM', help: { ko: 'kubernetes (기본), ray, slurm', en: 'kubernetes (default), ray, slurm' } },
    out: {
      value: 'FOLDER',
      help: {
        ko: '파일을 쓸 폴더. 없으면 계산만 보입니다',
        en: 'folder for the files; without it only the arithmetic is shown',
      },
    },
    gpu: {
      value: 'GPU',
      help: {
        ko: 'h100 (기본), h200, b200, mi300x, 또는 이름:GiB',
        en: 'h100 (default), h200, b200, mi300x, or NAME:GiB',
      },
    },
    'gpus-per-node': { value: 'N', help: { ko: '노드 하나의 GPU 수 (기본: 8)', en: 'GPUs of a node (default: 8)' } },
    nodes: { value: 'N', help: { ko: '노드 수 (기본: 필요한 만큼만)', en: 'nodes (default: as few as will do)' } },
    tensor: {
      value: 'N',
      help: {
        ko: '레이어 하나를 나눠 맡는 GPU 수 (기본: 노드 하나)',
        en: 'GPUs that share each layer (default: those of a node)',
      },
    },
    context: {
      value: 'N',
      help: { ko: '가장 긴 대화의 토큰 수 (기본: 131072)', en: 'tokens of the longest conversation (default: 131072)' },
    },
    requests: {
      value: 'N',
      help: {
        ko: '그 길이로 동시에 들어가야 하는 대화 수 (기본: 4)',
        en: 'conversations of that length that must fit at the same time (default: 4)',
      },
    },
    dtype: { value: 'TYPE', help: { ko: '가중치: bf16 (기본), fp8', en: 'weights: bf16 (default), fp8' } },
    json: { help: { ko: 'JSON으로 출력합니다', en: 'print JSON' } },
  },
  notes: {
    ko: '예: modu deploy k1 --on slurm --out deploy\n공개된 구성 그대로: modu deploy k1 --nodes 4 --tensor 32 (H100 32개)',
    en: 'Example: modu deploy k1 --on slurm --out deploy\nThe published layout: modu deploy k1 --nodes 4 --tensor 32 (32 H100)',
  },
  async run([model], options) {
    if (model !== 'k1')
      throw new UsageError({ ko: `k1만 배포할 수 있습니다: ${model}`, en: `only k1 can be deployed: ${model}` })
    const { deploymentFiles, dtypes, engines, gpuNamed, longestContext, planDeployment, platforms } = await import(
      '@modu/deploy'
    )
    const platform = oneOf('on', options.on, platforms) ?? 'kubernetes'
    const plan = planDeployment({
      engine: oneOf('engine', options.engine, engines) ?? 'vllm',
      gpu: gpuNamed(options.gpu ?? 'h100'),
      gpusPerNode: wholeNumber('gpus-per-node', options['gpus-per-node'], 1) ?? 8,
      nodes: wholeNumber('nodes', options.nodes, 1),
      tensor: wholeNumber('tensor', options.tensor, 1),
      context: wholeNumber('context', options.context, 1) ?? longestContext,
      requests: wholeNumber('requests', options.requests, 1) ?? 4,
      dtype: oneOf('dtype', options.dtype, dtypes) ?? 'bf16',
    })
    const files = deploymentFiles(plan, platform)
    const warning = plan.engine === 'sglang' ? `\n${localized(noReleasedSglang)}` : ''
    const arithmetic = `${await explanation(plan)}${warning}\n`
    const guide = arithmetic + localized(steps[platform])
    const written = options.out === undefined ? [] : await write(options.out, { ...files, 'README.md': readme(guide) })
    if (options.json) process.stdout.write(`${JSON.stringify({ platform, plan, files: written }, undefined, 2)}\n`)
    else
      process.stdout.write(
        options.out === undefined ? arithmetic + localized(nothingWritten) : `${guide}\n${written.join('\n')}\n`,
      )
    return 0
  },
})

const nothingWritten: Text = {
  ko: '--out 폴더를 주면 파일을 쓰고, 쓰는 순서를 알려 드립니다.\n',
  en: 'Give --out FOLDER to write the files and to be told the steps.\n',
}

const noReleasedSglang: Text = {
  ko: '주의: 정식 SGLang에는 아직 A.X K1이 없어서 이미지를 직접 만들어야 합니다 (docs/deploy.md).\n',
  en: 'Mind: no release of SGLang has A.X K1 yet, so you have to build its image (docs/deploy.md).\n',
}

/** Writes the files into the folder and returns their paths. */
async function write(folder: string, files: Readonly<Record<string, string>>): Promise<string[]> {
  const [{ writeFileAtomic }, { mkdirSync }, { join }] = await Promise.all([
    import('@modu/model'),
    import('node:fs'),
    import('node:path'),
  ])
  mkdirSync(folder, { recursive: true })
  return Object.entries(files).map(([name, text]) => {
    const path = join(folder, name)
    writeFileAtomic(path, text)
    return path
  })
}

const readme = (guide: string): string => `# A.X K1\n\n\`\`\`text\n${guide}\`\`\`\n`

/** What the plan is, and why it fits. */
async function explanation(plan: Plan): Promise<string> {
  const { activationMargin, gib, memoryShare, seats, weightsPerGpu } = await import('@modu/deploy')
  const whole = (n: number): string => n.toLocaleString('en-US')
  const size = (gibibytes: number): string => `${gibibytes.toFixed(1)} GiB`
  const weights = weightsPerGpu(plan)
  const usable = plan.usableBytes / gib
  const perToken = Math.max(...plan.stages.map(stage => stage.cacheBytes))
  const rows: [Text, string, Text][] = [
    [
      { ko: 'GPU', en: 'GPUs' },
      `${plan.nodes} × ${plan.gpusPerNode} ${plan.gpu.name}`,
      {
        ko: `노드 ${plan.nodes}개, GPU 모두 ${plan.nodes * plan.gpusPerNode}개`,
        en: `${plan.nodes} nodes, ${plan.nodes * plan.gpusPerNode} GPUs in all`,
      },
    ],
    [
      { ko: '텐서 병렬', en: 'tensor parallel' },
      String(plan.tensor),
      { ko: `레이어마다 헤드 64개를 ${64 / plan.tensor}개씩`, en: `of each layer's 64 heads ${64 / plan.tensor} each` },
    ],
    [
      { ko: '전문가 병렬', en: 'expert parallel' },
      String(plan.tensor),
      {
        ko: `레이어마다 전문가 192개를 ${192 / plan.tensor}개씩`,
        en: `of each layer's 192 experts ${192 / plan.tensor} each`,
      },
    ],
    [
      { ko: '파이프라인', en: 'pipeline' },
      String(plan.pipeline),
      { ko: `레이어 61개 = ${layersOf(plan)}`, en: `61 layers = ${layersOf(plan)}` },
    ],
    [
      { ko: '쓸 수 있는 메모리', en: 'usable memory' },
      size(usable),
      {
        ko: `GPU 하나의 ${plan.gpu.memory} GiB × ${memoryShare}`,
        en: `${plan.gpu.memory} GiB of a GPU × ${memoryShare}`,
      },
    ],
    [
      { ko: '− 가중치', en: '− weights' },
      size(weights),
      { ko: `${plan.dtype}, 가장 큰 단계의 GPU 하나`, en: `${plan.dtype}, a GPU of the largest stage` },
    ],
    [
      { ko: '− 활성값', en: '− activations' },
      size(activationMargin),
      { ko: 'NCCL, CUDA 그래프 포함', en: 'NCCL and CUDA graphs included' },
    ],
    [
      { ko: '= 캐시', en: '= cache' },
      size(usable - weights - activationMargin),
      { ko: `토큰 하나에 많아야 ${whole(perToken)} 바이트`, en: `at most ${whole(perToken)} bytes a token` },
    ],
    [
      { ko: '캐시 토큰', en: 'cache tokens' },
      whole(plan.cacheTokens),
      { ko: '모든 대화를 합쳐', en: 'all conversations together' },
    ],
    [
      { ko: '동시 대화', en: 'conversations' },
      String(plan.fullRequests),
      { ko: `${whole(plan.context)} 토큰을 꽉 채울 때`, en: `of ${whole(plan.context)} tokens, at the same time` },
    ],
    [
      { ko: '동시 요청', en: 'requests' },
      String(seats(plan)),
      { ko: '엔진이 받는 최대치, 보통 길이일 때', en: 'the engine takes at most, of usual length' },
    ],
  ]
  const head = localized({ ko: `A.X K1, ${plan.dtype}, ${plan.engine}`, en: `A.X K1, ${plan.dtype}, ${plan.engine}` })
  return `${head}\n\n${columns(rows.map(([name, value, note]) => [localized(name), value, localized(note)]))}`
}

const layersOf = ({ stages }: Plan): string => stages.map(stage => stage.layers).join(' + ')

const steps: Readonly<Record<Platform, Text>> = {
  kubernetes: {
    ko: `순서 (docs/deploy.md에 자세히):
  1. Dockerfile로 Modu 이미지를 만들고, 파일의 YOUR_REGISTRY를 그 이름으로 바꿉니다.
  2. kubectl apply -f 1-model.yaml
  3. kubectl -n k1 create secret generic k1-secrets --from-literal=ENGINE_API_KEY="$(openssl rand -hex 32)" --from-literal=DATABASE_URL=postgres://…
  4. 내려받기가 끝나면: kubectl apply -f 2-engine.yaml -f 3-gateway.yaml -f 4-autoscaling.yaml
  5. 첫 키: kubectl -n k1 logs job/modu-first-key
`,
    en: `Steps (more in docs/deploy.md):
  1. Build Modu's image from the Dockerfile and put its name for YOUR_REGISTRY in the files.
  2. kubectl apply -f 1-model.yaml
  3. kubectl -n k1 create secret generic k1-secrets --from-literal=ENGINE_API_KEY="$(openssl rand -hex 32)" --from-literal=DATABASE_URL=postgres://…
  4. Once the download has ended: kubectl apply -f 2-engine.yaml -f 3-gateway.yaml -f 4-autoscaling.yaml
  5. The first key: kubectl -n k1 logs job/modu-first-key
`,
  },
  ray: {
    ko: `순서 (docs/deploy.md에 자세히):
  1. cluster.yaml에 노드의 주소를 넣고, 노드마다 /models/A.X-K1과 /etc/k1.env를 준비합니다.
  2. ray up cluster.yaml
  3. RAY_ADDRESS=http://HEAD_IP:8265 ray job submit --no-wait --working-dir . -- python3 engine.py
  4. 첫 노드의 Modu 폴더에서: npx modu keys create 이름
  5. 첫 노드에서: MODU=Modu_폴더 ENGINE_API_KEY=… bash gateway.sh
`,
    en: `Steps (more in docs/deploy.md):
  1. Put the addresses of the nodes in cluster.yaml; every node needs /models/A.X-K1 and /etc/k1.env.
  2. ray up cluster.yaml
  3. RAY_ADDRESS=http://HEAD_IP:8265 ray job submit --no-wait --working-dir . -- python3 engine.py
  4. On the first node, in the folder of Modu: npx modu keys create NAME
  5. On the first node: MODU=FOLDER_OF_MODU ENGINE_API_KEY=… bash gateway.sh
`,
  },
  slurm: {
    ko: `순서 (docs/deploy.md에 자세히):
  1. 모든 노드가 보는 곳에: hf download skt/A.X-K1 --local-dir /models/A.X-K1
  2. Modu 폴더에서: npm ci && npx modu keys create 이름
  3. export MODU=Modu_폴더 ENGINE_API_KEY="$(openssl rand -hex 32)"
  4. sbatch k1.sbatch
`,
    en: `Steps (more in docs/deploy.md):
  1. Where all nodes see it: hf download skt/A.X-K1 --local-dir /models/A.X-K1
  2. In the folder of Modu: npm ci && npx modu keys create NAME
  3. export MODU=FOLDER_OF_MODU ENGINE_API_KEY="$(openssl rand -hex 32)"
  4. sbatch k1.sbatch
`,
  },
}
