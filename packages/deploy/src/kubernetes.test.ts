import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject'
import { parseGatewayConfig } from '@modu/serve'
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { Job } from 'kubernetes-models/batch/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Namespace, PersistentVolumeClaim, Pod, Service } from 'kubernetes-models/v1'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { kubernetesFiles, type LeaderWorkerSet } from './kubernetes.ts'
import { engines } from './memory.ts'
import { testPlan } from './testPlan.ts'

/** Each checks values against Kubernetes' own schemas; unknown fields the types of kubernetes-models refuse. */
const models = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  Namespace,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  ScaledObject,
  Service,
  StatefulSet,
}

// biome-ignore lint/suspicious/noExplicitAny: parsed YAML, of which a test reads a field here and there.
type Parsed = any

function objectsOf(files: Record<string, string>): Parsed[] {
  const yaml = Object.entries(files).filter(([name]) => name.endsWith('.yaml'))
  return yaml.flatMap(([, text]) =>
    parseAllDocuments(text).map(document => {
      expect(document.errors).toEqual([])
      return document.toJS()
    }),
  )
}

const objectOf = (objects: Parsed[], kind: string, name?: string): Parsed =>
  objects.find(object => object.kind === kind && (name === undefined || object.metadata.name === name))

describe.each(engines)('%s', engine => {
  test.each(['h100', 'mi300x'])('every object on %s is as its schema says', gpu => {
    for (const object of objectsOf(kubernetesFiles(testPlan(gpu, { engine })))) {
      if (object.kind === 'LeaderWorkerSet') {
        const { leaderTemplate, workerTemplate } = (object as LeaderWorkerSet).spec.leaderWorkerTemplate
        for (const { metadata, spec } of [leaderTemplate, workerTemplate]) new Pod({ metadata, spec }).validate()
      } else new models[object.kind as keyof typeof models](object).validate()
    }
  })
})

test('a copy on several nodes is a group that restarts together, with an API on its first node only', () => {
  const plan = testPlan('h100')
  const { spec } = objectOf(objectsOf(kubernetesFiles(plan)), 'LeaderWorkerSet') as LeaderWorkerSet
  const { size, restartPolicy, leaderTemplate, workerTemplate } = spec.leaderWorkerTemplate
  expect(size).toBe(plan.nodes)
  expect(restartPolicy).toBe('RecreateGroupOnPodRestart')
  const [leader, worker] = [leaderTemplate, workerTemplate].map(template => template.spec!.containers[0]!)
  expect(leader!.args).toContain('--node-rank=$(LWS_WORKER_INDEX)')
  expect(leader!.args).not.toContain('--headless')
  expect(worker!.args).toContain('--headless')
  expect(leader!.readinessProbe?.httpGet?.path).toBe('/health')
  expect(worker!.readinessProbe).toBeUndefined()
  expect(leader!.resources?.limits).toEqual({ 'nvidia.com/gpu': 8 })
})

test('a copy on one node needs no group', () => {
  const objects = objectsOf(kubernetesFiles(testPlan('mi300x')))
  expect(objectOf(objects, 'LeaderWorkerSet')).toBeUndefined()
  const container = objectOf(objects, 'StatefulSet').spec.template.spec.containers[0]
  expect(container.resources.limits).toEqual({ 'amd.com/gpu': 8 })
  expect(container.args.join(' ')).not.toMatch('nnodes')
  expect(objectOf(objects, 'Service', 'k1-engine').spec.clusterIP).toBe('None')
  expect(objectOf(objects, 'ScaledObject').spec.scaleTargetRef.kind).toBe('StatefulSet')
})

test('services, budgets and autoscaling select what is there', () => {
  const objects = objectsOf(kubernetesFiles(testPlan('h100')))
  const set = objectOf(objects, 'LeaderWorkerSet') as LeaderWorkerSet
  const leaders = set.spec.leaderWorkerTemplate.leaderTemplate.metadata!.labels!
  const workers = set.spec.leaderWorkerTemplate.workerTemplate.metadata!.labels!
  expect(leaders).toMatchObject(objectOf(objects, 'Service', 'k1').spec.selector)
  expect(workers).not.toMatchObject(objectOf(objects, 'Service', 'k1').spec.selector)
  const budget = objectOf(objects, 'PodDisruptionBudget', 'k1-engine')
  for (const labels of [leaders, workers]) expect(labels).toMatchObject(budget.spec.selector.matchLabels)
  const gateway = objectOf(objects, 'Deployment').spec.template.metadata.labels
  expect(gateway).toMatchObject(objectOf(objects, 'Service', 'modu').spec.selector)
  expect(objectOf(objects, 'ScaledObject').spec.scaleTargetRef).toEqual({
    apiVersion: set.apiVersion,
    kind: set.kind,
    name: set.metadata.name,
  })
  expect(objectOf(objects, 'HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe('modu')
})

test('the gateway knows every copy that autoscaling may start', () => {
  const objects = objectsOf(kubernetesFiles(testPlan('h100')))
  const config = parseGatewayConfig(JSON.parse(objectOf(objects, 'ConfigMap').data['modu.json']))
  const copies = objectOf(objects, 'ScaledObject').spec.maxReplicaCount
  expect(Object.keys(config.upstreams)).toEqual(Array.from({ length: copies }, (_, i) => `k1-engine-${i}`))
  expect(config.upstreams['k1-engine-0']!.baseUrl).toBe('http://k1-engine-0.k1-engine.k1.svc.cluster.local:8000/v1')
})

test('no secret stands in a file', () => {
  const variables = objectsOf(kubernetesFiles(testPlan('h100', { engine: 'sglang' }))).flatMap(
    object => JSON.stringify(object).match(/\{"name":"[A-Z_]*(?:KEY|TOKEN|URL)"[^}]*\}/g) ?? [],
  )
  expect(variables.length).toBeGreaterThan(3)
  for (const variable of variables) expect(variable).toMatch('"secretKeyRef":{"name":"k1-secrets"')
})
