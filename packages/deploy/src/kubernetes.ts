import type { IScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1'
import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1'
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import type { IJob } from 'kubernetes-models/batch/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import type {
  IConfigMap,
  IContainer,
  INamespace,
  IPersistentVolumeClaim,
  IPodSpec,
  IPodTemplateSpec,
  IService,
} from 'kubernetes-models/v1'
import { engineKeyVariable, gatewayConfigText, gatewayImage, gatewayPort } from './gateway.ts'
import { engineImage, modelFolder } from './images.ts'
import { enginePort, launch, meetingPort, modelRepository, type Place, seats } from './launch.ts'
import type { Plan } from './plan.ts'
import { type Commented, yamlText } from './yamlText.ts'

/** The fields of a LeaderWorkerSet that we use; its CRD is in `config/crd` of kubernetes-sigs/lws. */
export interface LeaderWorkerSet {
  readonly apiVersion: 'leaderworkerset.x-k8s.io/v1'
  readonly kind: 'LeaderWorkerSet'
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Labels }
  readonly spec: {
    readonly replicas: number
    readonly startupPolicy: 'LeaderCreated' | 'LeaderReady'
    readonly rolloutStrategy: {
      readonly type: 'RollingUpdate'
      readonly rollingUpdateConfiguration: { readonly maxUnavailable: number; readonly maxSurge: number }
    }
    readonly leaderWorkerTemplate: {
      readonly size: number
      readonly restartPolicy: 'RecreateGroupOnPodRestart'
      readonly leaderTemplate: IPodTemplateSpec
      readonly workerTemplate: IPodTemplateSpec
    }
  }
}

type Labels = Readonly<Record<string, string>>

const namespace = 'k1'
const engine = 'k1-engine'
const gateway = 'modu'
const claim = 'k1-model'
const secret = 'k1-secrets'
const moduImage = 'YOUR_REGISTRY/modu:0.1.0'

/** Copies of the whole engine that the cluster may run at the same time. */
const mostCopies = 2

/** Loading half a terabyte or a whole one from shared storage takes tens of minutes. */
const loadingMinutes = 90

const engineLabels: Labels = { 'app.kubernetes.io/name': engine }
const apiLabels: Labels = { ...engineLabels, 'app.kubernetes.io/component': 'api' }
const gatewayLabels: Labels = { 'app.kubernetes.io/name': gateway }

/** The files for Kubernetes, by name. They are applied in the order of their names. */
export const kubernetesFiles = (plan: Plan): Record<string, string> => ({
  '1-model.yaml': modelFile(plan),
  '2-engine.yaml': engineFile(plan),
  '3-gateway.yaml': gatewayFile(),
  '4-autoscaling.yaml': autoscalingFile(plan),
  Dockerfile: gatewayImage,
})

/* --------------------------------------------------------------------------------------------------------- model */

function modelFile(plan: Plan): string {
  const space: INamespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
  const volume: IPersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claim, namespace },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1200Gi' } } },
  }
  const download: IJob = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'k1-download', namespace },
    spec: {
      backoffLimit: 10,
      template: {
        spec: {
          restartPolicy: 'OnFailure',
          containers: [
            {
              name: 'download',
              image: engineImage(plan),
              command: ['hf', 'download', modelRepository, `--local-dir=${modelFolder}`],
              env: [secretVariable('HF_TOKEN', { optional: true })],
              volumeMounts: [{ name: 'model', mountPath: '/models' }],
            },
          ],
          volumes: [{ name: 'model', persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  }
  return yamlText(
    'Where the weights lie, and how they get there. Once; wait for the job before you apply the next file.',
    [
      { value: space },
      {
        value: volume,
        about: 'The published bf16 files take 967 GiB. Every node of every copy reads them at the same time.',
        notes: {
          'spec/accessModes':
            'Needs a storage class that several nodes can mount (NFS, CephFS, Lustre, FSx, Filestore, …).',
        },
      },
      { value: download, about: 'Goes on where it stopped. HF_TOKEN is optional: the weights are public.' },
    ],
  )
}

/* -------------------------------------------------------------------------------------------------------- engine */

function engineFile(plan: Plan): string {
  const addresses: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: engine, namespace, labels: engineLabels },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: engineLabels,
      ports: [{ name: 'http', port: enginePort }],
    },
  }
  const api: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'k1', namespace, labels: engineLabels },
    spec: { selector: apiLabels, ports: [{ name: 'http', port: enginePort, targetPort: 'http' }] },
  }
  const budget: IPodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: engine, namespace },
    spec: { maxUnavailable: 0, selector: { matchLabels: engineLabels } },
  }
  return yamlText(`A.X K1 on ${plan.nodes} × ${plan.gpusPerNode} ${plan.gpu.name}, served by ${engineName(plan)}.`, [
    ...(plan.nodes > 1
      ? [groupOfPods(plan)]
      : [
          singlePods(plan),
          { value: addresses, about: `Gives each copy its name: ${engine}-0.${engine}, ${engine}-1.${engine}, …` },
        ]),
    { value: api, about: 'For people and Prometheus. The gateway asks each copy by its own name instead.' },
    {
      value: budget,
      about: `Draining a node would end all conversations on a copy, and the next is up ${loadingMinutes} minutes later at worst:\nnobody drains one unasked. To free a node, scale first, or delete this budget.`,
    },
  ])
}

/** One copy is a group of pods on several nodes that live and die together: what LeaderWorkerSets are for. */
function groupOfPods(plan: Plan): Commented {
  const set: LeaderWorkerSet = {
    apiVersion: 'leaderworkerset.x-k8s.io/v1',
    kind: 'LeaderWorkerSet',
    metadata: { name: engine, namespace, labels: engineLabels },
    spec: {
      replicas: 1,
      startupPolicy: 'LeaderCreated',
      rolloutStrategy: { type: 'RollingUpdate', rollingUpdateConfiguration: { maxUnavailable: 1, maxSurge: 0 } },
      leaderWorkerTemplate: {
        size: plan.nodes,
        restartPolicy: 'RecreateGroupOnPodRestart',
        leaderTemplate: engineTemplate(plan, apiLabels, [], withProbes),
        workerTemplate: engineTemplate(plan, engineLabels, plan.engine === 'vllm' ? ['--headless'] : []),
      },
    },
  }
  const argumentsOf = (template: string) => argumentNotes(plan, `spec/leaderWorkerTemplate/${template}/spec`)
  return {
    value: set,
    about: `A StatefulSet would restart one pod of a group alone, and the others would wait for it forever in a collective.\nNeeds the LeaderWorkerSet controller, 0.6 or newer: https://lws.sigs.k8s.io/docs/installation/\nIt makes the headless Service ${engine} itself: the copies are ${engine}-0.${engine}, ${engine}-1.${engine}, …`,
    notes: {
      'spec/replicas': `Copies of the whole model, ${plan.nodes * plan.gpusPerNode} GPUs each. 4-autoscaling.yaml changes it.`,
      'spec/rolloutStrategy/rollingUpdateConfiguration': 'A new copy beside the old one would need its GPUs, too.',
      'spec/leaderWorkerTemplate/size': 'Nodes of one copy, a pod each.',
      'spec/leaderWorkerTemplate/workerTemplate': 'The other nodes run the same, without an API.',
      ...argumentsOf('leaderTemplate'),
    },
  }
}

/** One copy is one pod: no group to hold together, so nothing to install; a StatefulSet, because the gateway needs names. */
function singlePods(plan: Plan): Commented {
  const set: IStatefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: engine, namespace, labels: engineLabels },
    spec: {
      replicas: 1,
      serviceName: engine,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: engineLabels },
      template: engineTemplate(plan, apiLabels, [], withProbes),
    },
  }
  return {
    value: set,
    about: 'One pod is a whole copy. Not a Deployment, because the gateway knows copies by their names.',
    notes: {
      'spec/replicas': `Copies of the whole model, ${plan.gpusPerNode} GPUs each. 4-autoscaling.yaml changes it.`,
      ...argumentNotes(plan, 'spec/template/spec'),
    },
  }
}

/** The place of a pod in its group: Kubernetes fills in what the LeaderWorkerSet controller put into the environment. */
const place: Place = { rank: '$(LWS_WORKER_INDEX)', head: '$(LWS_LEADER_ADDRESS)' }

function engineTemplate(
  plan: Plan,
  labels: Labels,
  extra: readonly string[],
  complete: (container: IContainer) => IContainer = container => container,
): IPodTemplateSpec {
  const { program, arguments: args } = launch(plan, modelFolder, place)
  const gpus = { [plan.gpu.vendor === 'nvidia' ? 'nvidia.com/gpu' : 'amd.com/gpu']: plan.gpusPerNode }
  const container: IContainer = {
    name: plan.engine,
    image: engineImage(plan),
    command: [...program],
    args: [...args.map(({ text }) => text), ...extra, ...keyArguments(plan)],
    env: [
      ...(plan.engine === 'vllm'
        ? [secretVariable('VLLM_API_KEY', { key: engineKeyVariable })]
        : [secretVariable(engineKeyVariable)]),
      { name: 'HF_HUB_OFFLINE', value: '1' },
    ],
    ports: [
      { name: 'http', containerPort: enginePort },
      { name: 'meeting', containerPort: meetingPort },
    ],
    resources: { requests: { ...gpus, cpu: '32', memory: '256Gi' }, limits: { ...gpus } },
    volumeMounts: [
      { name: 'model', mountPath: '/models', readOnly: true },
      { name: 'shm', mountPath: '/dev/shm' },
    ],
  }
  const spec: IPodSpec = {
    ...(plan.gpu.product !== undefined && { nodeSelector: { 'nvidia.com/gpu.product': plan.gpu.product } }),
    tolerations: [{ key: Object.keys(gpus)[0], operator: 'Exists', effect: 'NoSchedule' }],
    terminationGracePeriodSeconds: 120,
    containers: [complete(container)],
    volumes: [
      { name: 'model', persistentVolumeClaim: { claimName: claim, readOnly: true } },
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '64Gi' } },
    ],
  }
  const scrape = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(enginePort) }
  return { metadata: { labels: { ...labels }, ...(labels === apiLabels && { annotations: scrape }) }, spec }
}

/** vLLM reads the key from its environment; SGLang takes it as an argument, which Kubernetes fills in. */
const keyArguments = ({ engine }: Plan): string[] => (engine === 'sglang' ? [`--api-key=$(${engineKeyVariable})`] : [])

/** `/health` answers 200 while the engine works, on both engines and without a key. */
function withProbes(container: IContainer): IContainer {
  const httpGet = { path: '/health', port: 'http' }
  return {
    ...container,
    startupProbe: { httpGet, periodSeconds: 30, failureThreshold: loadingMinutes * 2 },
    readinessProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: { httpGet, periodSeconds: 30, timeoutSeconds: 20, failureThreshold: 6 },
  }
}

function argumentNotes(plan: Plan, spec: string): Record<string, string> {
  const notes: Record<string, string> = {
    [`${spec}/containers/0/startupProbe`]: `Up to ${loadingMinutes} minutes for loading; until then the other probes rest.`,
    [`${spec}/containers/0/livenessProbe`]: 'Patient: a restart costs the whole loading again.',
    [`${spec}/containers/0/resources`]:
      'Add rdma/ib or what your network plugin offers: between nodes NCCL should not go over TCP.',
  }
  for (const [i, { why }] of launch(plan, modelFolder, place).arguments.entries()) {
    if (why !== undefined) notes[`${spec}/containers/0/args/${i}`] = why
  }
  return notes
}

/* ------------------------------------------------------------------------------------------------------- gateway */

function gatewayFile(): string {
  const copies = Array.from({ length: mostCopies }, (_, i) => `${engine}-${i}`)
  const config: IConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: gateway, namespace },
    data: {
      'modu.json': gatewayConfigText(
        Object.fromEntries(copies.map(name => [name, `${name}.${engine}.${namespace}.svc.cluster.local`])),
      ),
    },
  }
  const firstKey: IJob = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'modu-first-key', namespace },
    spec: {
      ttlSecondsAfterFinished: 600,
      backoffLimit: 3,
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [{ ...moduContainer('first-key'), args: ['keys', 'create', 'first', '--admin'] }],
        },
      },
    },
  }
  const deployment: IDeployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: gateway, namespace, labels: gatewayLabels },
    spec: {
      replicas: 2,
      selector: { matchLabels: gatewayLabels },
      template: {
        metadata: { labels: gatewayLabels },
        spec: {
          terminationGracePeriodSeconds: 60,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: gatewayLabels },
            },
          ],
          containers: [
            {
              ...moduContainer(gateway),
              args: ['serve', '--config=/etc/modu/modu.json', '--host=0.0.0.0', `--port=${gatewayPort}`, '--log=info'],
              ports: [{ name: 'http', containerPort: gatewayPort }],
              startupProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 2, failureThreshold: 60 },
              readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
              livenessProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 10, failureThreshold: 6 },
              volumeMounts: [{ name: 'config', mountPath: '/etc/modu', readOnly: true }],
            },
          ],
          volumes: [{ name: 'config', configMap: { name: gateway } }],
        },
      },
    },
  }
  const service: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: gateway, namespace, labels: gatewayLabels },
    spec: { selector: gatewayLabels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  }
  const budget: IPodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: gateway, namespace },
    spec: { minAvailable: 1, selector: { matchLabels: gatewayLabels } },
  }
  return yamlText('Modu in front: keys, limits and usage of people; routing, retries and health of the engines.', [
    {
      value: config,
      about: `Every copy that autoscaling may start is in the list; those that do not run get nothing.`,
    },
    {
      value: firstKey,
      about: `Makes the first key, without which Modu lets nobody in from other machines. It is shown once, in the log:\n  kubectl -n ${namespace} logs job/modu-first-key`,
    },
    {
      value: deployment,
      about: `Two, so that one can go. They share keys, limits and usage through PostgreSQL (DATABASE_URL in the secret).`,
      notes: { 'spec/template/spec/containers/0/image': 'Built from the Dockerfile beside this file.' },
    },
    { value: service, about: 'Put your ingress with TLS in front of this one.' },
    { value: budget },
  ])
}

const moduContainer = (name: string): IContainer => ({
  name,
  image: moduImage,
  env: [secretVariable('DATABASE_URL'), secretVariable(engineKeyVariable)],
  resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '2Gi' } },
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  },
})

/* --------------------------------------------------------------------------------------------------- autoscaling */

const queueMetrics = {
  vllm: ['vllm:num_requests_running', 'vllm:num_requests_waiting'],
  sglang: ['sglang:num_running_reqs', 'sglang:num_queue_reqs'],
} as const

function autoscalingFile(plan: Plan): string {
  const isGroup = plan.nodes > 1
  const target = Math.max(1, Math.floor(0.8 * seats(plan)))
  const copies: IScaledObject = {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name: engine, namespace },
    spec: {
      scaleTargetRef: {
        apiVersion: isGroup ? 'leaderworkerset.x-k8s.io/v1' : 'apps/v1',
        kind: isGroup ? 'LeaderWorkerSet' : 'StatefulSet',
        name: engine,
      },
      minReplicaCount: 1,
      maxReplicaCount: mostCopies,
      advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 3600 } } } },
      triggers: [
        {
          type: 'prometheus',
          metricType: 'AverageValue',
          metadata: {
            serverAddress: 'http://prometheus-operated.monitoring.svc:9090',
            query: queueMetrics[plan.engine].map(name => `sum(${name}{namespace="${namespace}"})`).join(' + '),
            threshold: String(target),
          },
        },
      ],
    },
  }
  const gateways: IHorizontalPodAutoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: gateway, namespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: gateway },
      minReplicas: 2,
      maxReplicas: 6,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ],
    },
  }
  return yamlText(
    `What can grow: whole copies of the engine, ${plan.nodes * plan.gpusPerNode} GPUs at a time, and the gateway. A copy itself cannot: its GPUs are\nfixed when it starts. Leave this file out where there are no GPUs for a second copy.`,
    [
      {
        value: copies,
        about: 'Needs KEDA, and Prometheus scraping pods by their prometheus.io annotations.',
        notes: {
          'spec/minReplicaCount': `Never none: the first request would wait ${loadingMinutes} minutes.`,
          'spec/advanced': 'An hour of calm before a copy goes.',
          'spec/triggers/0/metadata/serverAddress': 'Your Prometheus.',
          'spec/triggers/0/metadata/threshold': `Requests a copy, four fifths of its ${seats(plan)} seats.`,
        },
      },
      { value: gateways, about: 'The gateway needs processor time only.' },
    ],
  )
}

/* -------------------------------------------------------------------------------------------------------- common */

const engineName = ({ engine }: Plan): string => (engine === 'vllm' ? 'vLLM' : 'SGLang')

/** A variable from the secret, which you make yourself: no value of it stands in these files. */
function secretVariable(name: string, { key = name, optional = false } = {}) {
  return { name, valueFrom: { secretKeyRef: { name: secret, key, ...(optional && { optional }) } } }
}
