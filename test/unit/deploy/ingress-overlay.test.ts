import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/config/load.ts'
import { parseDurationMs } from '../../../src/core/duration.ts'
import { buildOverlay } from './kustomize.ts'
import { at, DEPLOY, findObject, listAt } from './manifests.ts'
import { amountOf } from './pod-rules.ts'

const objects = buildOverlay('overlays/ingress')
const deployment = findObject(objects, 'Deployment', 'weir')
const pod = at(deployment, 'spec.template.spec')
const autoscaler = at(findObject(objects, 'HorizontalPodAutoscaler', 'weir'), 'spec')
const { config } = await loadConfig({ file: path.join(DEPLOY, 'overlays/ingress/weir.yaml'), env: {}, args: [] })

t.test('two replicas at least, on different nodes and in different zones where there are such', async t => {
  t.equal(at(deployment, 'spec.replicas'), 2)
  t.same(listAt(pod, 'topologySpreadConstraints').map(each => [at(each, 'topologyKey'), at(each, 'whenUnsatisfiable')]), [
    ['kubernetes.io/hostname', 'ScheduleAnyway'], ['topology.kubernetes.io/zone', 'ScheduleAnyway']
  ])
  const labels = at(deployment, 'spec.template.metadata.labels')
  for (const each of listAt(pod, 'topologySpreadConstraints')) t.same(at(each, 'labelSelector.matchLabels'), labels)
})

t.test('nodes can be drained, one replica after the other', async t => {
  const budget = findObject(objects, 'PodDisruptionBudget', 'weir')
  t.equal(at(budget, 'spec.maxUnavailable'), 1)
  t.ok(Number(at(deployment, 'spec.replicas')) > 1, 'one always stays')
  t.same(at(budget, 'spec.selector.matchLabels'), at(deployment, 'spec.selector.matchLabels'))
})

t.test('clients reach it through a load balancer that leaves their addresses as they are', async t => {
  t.match(at(findObject(objects, 'Service', 'weir'), 'spec'), { type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
  t.same(config.clientIp.trustedProxies, [], 'so nobody has to be believed')
  t.equal(at(findObject(objects, 'Service', 'weir-admin'), 'spec.type'), undefined, 'the admin API stays inside')
})

t.test('it waits for a load balancer that looks every ten seconds and believes the third failure', async t => {
  t.ok(parseDurationMs(config.drain.delay) >= 3 * 10_000)
})

t.test('replicas are added by CPU and by requests in flight, and taken away slowly', async t => {
  t.equal(at(autoscaler, 'minReplicas'), at(deployment, 'spec.replicas'))
  t.same(listAt(autoscaler, 'metrics').map(each => [at(each, 'type'), at(each, 'resource.name') ?? at(each, 'pods.metric.name')]), [
    ['Resource', 'cpu'], ['Pods', 'weir_requests_in_flight']
  ])
  t.match(readFileSync(path.join(DEPLOY, '../docs/metrics.md'), 'utf8'), '`weir_requests_in_flight` | gauge', 'there is such a metric')
  const drainS = (parseDurationMs(config.drain.delay) + parseDurationMs(config.drain.timeout)) / 1_000
  const [policy] = listAt(autoscaler, 'behavior.scaleDown.policies')
  t.ok(Number(at(policy, 'periodSeconds')) > drainS, 'one has drained before the next one goes')
  // The CPU target in cores, at 47.4 µs a request, and what lies there at 54 ms each.
  const cores = amountOf(at(pod, 'containers.0.resources.requests.cpu')) * Number(at(autoscaler, 'metrics.0.resource.target.averageUtilization')) / 100
  const inFlight = Number(at(autoscaler, 'metrics.1.pods.target.averageValue'))
  t.ok(Math.abs(cores / 47.4e-6 * 0.054 - inFlight) < 5, 'the two targets are the same load')
})

t.test('replicas share their weights, write nothing else, and may do with their two ConfigMaps and their Lease what they have to', async t => {
  t.equal(config.state.store, 'kubernetes')
  t.same(at(findObject(objects, 'Role', 'weir'), 'rules'), [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }])
  const { name } = config.state
  t.strictSame(listAt(findObject(objects, 'Role', 'weir-state'), 'rules'), [['', 'configmaps', name, `${name}-lists`], ['coordination.k8s.io', 'leases', name]].flatMap(([group, resource, ...resourceNames]) => [
    { apiGroups: [group], resources: [resource], resourceNames, verbs: ['get', 'list', 'watch', 'update'] },
    { apiGroups: [group], resources: [resource], verbs: ['create'] }
  ]))
  t.equal(at(findObject(objects, 'RoleBinding', 'weir-state'), 'roleRef.name'), 'weir-state')
  t.same(listAt(pod, 'volumes').filter(each => at(each, 'emptyDir') !== undefined), [])
})

t.test('replicas find each other by a headless Service, reach each other at the admin port, and have a secret in common', async t => {
  const service = findObject(objects, 'Service', config.replicas?.service ?? '')
  t.match(at(service, 'spec'), { clusterIP: 'None', selector: at(deployment, 'spec.template.metadata.labels') })
  t.equal(at(service, 'spec.publishNotReadyAddresses'), undefined, 'one that is not ready does not count')
  t.equal(at(service, 'spec.ports.0.name'), config.replicas?.port)
  t.strictSame(listAt(findObject(objects, 'NetworkPolicy', 'weir'), 'spec.ingress').at(-1), {
    from: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'weir' } } }], ports: [{ port: 'admin' }]
  }, 'of this namespace only')
  t.match(listAt(pod, 'volumes').find(each => at(each, 'name') === 'replicas'), { secret: { secretName: 'weir-replicas', optional: true } })
})

t.test('a replica knows its node and, where Kubernetes says it, its zone', async t => {
  const env = listAt(pod, 'containers.0.env').map(each => [at(each, 'name'), at(each, 'valueFrom.fieldRef.fieldPath')])
  t.same(env, [['WEIR_KUBERNETES_NODE', 'spec.nodeName'], ['WEIR_KUBERNETES_ZONE', "metadata.labels['topology.kubernetes.io/zone']"]])
  const file = path.join(DEPLOY, 'overlays/ingress/weir.yaml')
  for (const zone of ['', 'zone-a']) {
    const { config: { kubernetes } } = await loadConfig({ file, env: { WEIR_KUBERNETES_NODE: 'node-1', WEIR_KUBERNETES_ZONE: zone }, args: [] })
    t.equal(kubernetes.node, 'node-1')
    t.ok(zone === '' ? !kubernetes.zone : kubernetes.zone === zone, `${zone}: ${String(kubernetes.zone)}`)
  }
})

t.test('everything but the state and the drain is as in the base', async t => {
  const read = (file: string): Record<string, unknown> => ({
    ...parse(readFileSync(path.join(DEPLOY, file), 'utf8')), state: undefined, drain: undefined, replicas: undefined
  })
  t.same(read('overlays/ingress/weir.yaml'), read('base/weir.yaml'))
})
