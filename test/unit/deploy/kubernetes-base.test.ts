import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { parseDurationMs } from '../../../src/core/duration.ts'
import { bufferShare, bufferWarning } from '../../../src/net/byte-budget.ts'
import { at, DEPLOY, findObject, listAt, readManifests } from './manifests.ts'

const [deployment] = readManifests('base/deployment.yaml')
const pod = at(deployment, 'spec.template.spec')
const container = at(pod, 'containers.0')
const services = readManifests('base/service.yaml')
const rbac = readManifests('base/rbac.yaml')
const [kustomization] = readManifests('base/kustomization.yaml')

const configOf = async (file: string) => await loadConfig({ file: path.join(DEPLOY, file), env: {}, args: [] })

const MIB = 1_048_576
/** The process with two workers at rest, and an idle client with the kernel's part: more than `npm run bench:idle` has measured. */
const REST_BYTES = 136 * MIB
const IDLE_BYTES = 8_192

const CONFIGS = ['base/weir.yaml', 'overlays/hello/weir.yaml']

t.test('the Role allows to list and watch EndpointSlices, and nothing else', async t => {
  t.same(at(findObject(rbac, 'Role', 'weir'), 'rules'), [
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }
  ])
  t.same(rbac.map(object => at(object, 'kind')).sort(), ['Role', 'RoleBinding', 'ServiceAccount'])
})

t.test('the binding joins this Role to the ServiceAccount of the pods', async t => {
  const binding = findObject(rbac, 'RoleBinding', 'weir')
  t.same(at(binding, 'roleRef'), { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'weir' })
  t.same(at(binding, 'subjects'), [{ kind: 'ServiceAccount', name: 'weir' }])
  t.ok(findObject(rbac, 'ServiceAccount', 'weir'))
  t.equal(at(pod, 'serviceAccountName'), 'weir')
})

t.test('every pod meets the restricted pod security standard', async t => {
  const deployments = [
    deployment,
    ...['stable', 'canary'].map(name => findObject(readManifests(`examples/hello/${name}.yaml`), 'Deployment', `hello-${name}`))
  ]
  for (const each of deployments) {
    const spec = at(each, 'spec.template.spec')
    t.match(at(spec, 'securityContext'), { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    const user = at(spec, 'securityContext.runAsUser')
    t.ok(typeof user === 'number' && user > 0, 'a number, so that the kubelet can check it')
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers', 'ephemeralContainers']) t.equal(at(spec, field), undefined, field)
    t.not(listAt(spec, 'containers').length, 0)
    for (const inner of listAt(spec, 'containers')) {
      t.same(at(inner, 'securityContext'), { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
      t.ok(listAt(inner, 'ports').every(port => at(port, 'hostPort') === undefined))
      t.ok(at(inner, 'resources.requests.memory') !== undefined && at(inner, 'resources.limits.memory') !== undefined, 'memory is bounded')
    }
    for (const volume of listAt(spec, 'volumes')) {
      t.ok(['configMap', 'secret', 'emptyDir'].some(kind => at(volume, kind) !== undefined), 'a kind of volume that the standard allows')
    }
  }
})

t.test('what the process, its buffers and its idle clients take fits into the memory limit', async t => {
  const limit = /^(\d+)Mi$/.exec(String(at(container, 'resources.limits.memory')))?.[1]
  const facts = { limitBytes: Number(limit) * MIB, machineBytes: 64 * 1_024 * MIB }
  for (const file of CONFIGS) {
    const { config: { workers, limits } } = await configOf(file)
    const { maxConnections } = limits
    if (workers === 'auto' || maxConnections === 'auto') {
      throw new TypeError(`${file}: what follows from the node does not fit into a limit`)
    }
    const each = limits.maxBufferedBytes ?? bufferShare(facts, workers)
    t.equal(bufferWarning(each, facts, workers), undefined)
    t.ok(each >= 64 * MIB, `${each} bytes for each worker`)
    t.ok(maxConnections > 0 && workers * (each + maxConnections * IDLE_BYTES) <= facts.limitBytes - REST_BYTES, file)
  }
})

t.test('every configuration passes the validation of Weir without a warning', async t => {
  for (const file of CONFIGS) t.same((await configOf(file)).warnings, [], file)
})

t.test('ports of the configuration, the container, the probes and the Services agree', async t => {
  const ports = new Map(listAt(container, 'ports').map(port => [at(port, 'name'), at(port, 'containerPort')]))
  for (const file of CONFIGS) {
    const { config } = await configOf(file)
    t.same([...ports], [...config.listeners.map(({ name, port }): unknown[] => [name, port]), ['admin', config.admin.port], ['probes', config.admin.probes?.port]], file)
    t.equal(config.admin.address, '0.0.0.0', 'Prometheus has to reach it')
    t.equal(config.admin.probes?.address, '0.0.0.0', 'the kubelet has to reach it')
    t.ok(config.listeners.every(({ address }) => address === '0.0.0.0'))
  }
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) t.equal(at(container, `${probe}.httpGet.port`), 'probes', probe)
  t.equal(at(container, 'readinessProbe.httpGet.path'), '/readyz')
  t.equal(at(container, 'livenessProbe.httpGet.path'), '/healthz')
  const targets = services.flatMap(service => listAt(service, 'spec.ports').map(port => at(port, 'targetPort')))
  t.same(targets, ['web', 'admin'])
  t.ok(targets.every(name => ports.has(name)))
})

t.test('the proxy and the admin API are published by different Services', async t => {
  t.same(listAt(findObject(services, 'Service', 'weir'), 'spec.ports').map(port => at(port, 'name')), ['web'])
  t.same(listAt(findObject(services, 'Service', 'weir-admin'), 'spec.ports').map(port => at(port, 'name')), ['admin'])
})

t.test('the network lets clients reach the proxy, the kubelet the probes, and only pods with the label the admin API', async t => {
  const policy = findObject(readManifests('base/network-policy.yaml'), 'NetworkPolicy', 'weir')
  t.ok(listAt(kustomization, 'resources').includes('network-policy.yaml'))
  t.same(at(policy, 'spec.policyTypes'), ['Ingress'])
  const [label] = listAt(kustomization, 'labels').map(each => at(each, 'pairs'))
  t.same(at(policy, 'spec.podSelector'), { matchLabels: label }, 'the pods of Weir and no others')
  t.same(at(policy, 'spec.ingress'), [
    { ports: [{ port: 'web' }, { port: 'probes' }] },
    { from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'weir/admin-client', operator: 'In', values: ['true'] }] } }], ports: [{ port: 'admin' }] }
  ])
  const allowed = listAt(policy, 'spec.ingress').flatMap(rule => listAt(rule, 'ports').map(port => at(port, 'port')))
  t.same(allowed.sort(), listAt(container, 'ports').map(port => at(port, 'name')).sort(), 'every port of the container has a rule')
  const guide = readFileSync(path.join(DEPLOY, 'README.md'), 'utf8')
  t.match(guide, 'weir/admin-client: "true"', 'the guide says which label')
})

t.test('the files that the configuration names are mounted, and only state can be written', async t => {
  const mounts = listAt(container, 'volumeMounts').map(mount => ({
    path: at(mount, 'mountPath'), readOnly: at(mount, 'readOnly') === true, subPath: at(mount, 'subPath')
  }))
  const mountOf = (file: string) => mounts.find(mount => path.posix.dirname(file) === mount.path)
  for (const file of CONFIGS) {
    const { config } = await configOf(file)
    t.not(config.admin.tokens.length, 0, 'an admin API that others can reach needs tokens')
    for (const token of config.admin.tokens) t.same(mountOf(token.file), { path: '/etc/weir/tokens', readOnly: true, subPath: undefined })
    t.equal(config.state.store, 'file')
    t.same(mountOf(config.state.path)?.readOnly, false)
  }
  const args = listAt(container, 'args').map(String)
  t.same(args.slice(0, 2), ['run', '--config'])
  t.same(mountOf(args[2] ?? ''), { path: '/etc/weir/config', readOnly: true, subPath: undefined }, 'a whole directory, or the kubelet would not update it')
  t.equal(mounts.filter(mount => !mount.readOnly).length, 1)
})

t.test('the ConfigMap keeps its name when its content changes, so that running pods reload it', async t => {
  t.equal(at(kustomization, 'generatorOptions.disableNameSuffixHash'), true)
  t.same(at(kustomization, 'configMapGenerator'), [{ name: 'weir-config', files: ['weir.yaml'] }])
  const volume = listAt(pod, 'volumes').find(each => at(each, 'name') === 'config')
  t.equal(at(volume, 'configMap.name'), 'weir-config')
  const overlay = listAt(readManifests('overlays/hello/kustomization.yaml')[0], 'configMapGenerator')[0]
  t.match(overlay, { name: 'weir-config', behavior: 'replace', options: { disableNameSuffixHash: true } })
})

t.test('the pod is given the time to drain', async t => {
  const graceS = Number(at(pod, 'terminationGracePeriodSeconds'))
  t.equal(at(container, 'lifecycle'), undefined, 'the delay is Weir\'s own: the image may do without a shell')
  for (const file of CONFIGS) {
    const { delay, timeout } = (await configOf(file)).config.drain
    t.ok(parseDurationMs(delay) >= 5_000, 'the nodes have the time to take the pod out of the Service')
    t.ok((parseDurationMs(delay) + parseDurationMs(timeout)) / 1000 + 5 <= graceS, `${delay} + ${timeout} fit into ${graceS} s with five to spare`)
  }
})

t.test('the environment is free of the variables of Services, which could be read as options', async t => {
  t.equal(at(pod, 'enableServiceLinks'), false)
})

t.test('one replica that is replaced without a gap; the overlay with two spreads and protects them', async t => {
  t.equal(at(deployment, 'spec.replicas'), 1)
  t.same(at(deployment, 'spec.strategy.rollingUpdate'), { maxSurge: 1, maxUnavailable: 0 })
  const [patch] = readManifests('overlays/replicas/replicas.yaml')
  const [budget] = readManifests('overlays/replicas/pod-disruption-budget.yaml')
  t.equal(at(patch, 'metadata.name'), 'weir')
  t.ok(Number(at(patch, 'spec.replicas')) > Number(at(budget, 'spec.minAvailable')), 'a node can always be drained')
  t.same(at(patch, 'spec.template.spec.topologySpreadConstraints.0.labelSelector'), at(budget, 'spec.selector'))
})

t.test('two replicas share their weights, and may do with that one ConfigMap what they have to', async t => {
  const [patch] = readManifests('overlays/replicas/replicas.yaml')
  t.same(at(patch, 'spec.template.spec.containers.0.env'), [{ name: 'WEIR_STATE_STORE', value: 'kubernetes' }])
  const { config } = await loadConfig({ file: path.join(DEPLOY, 'base/weir.yaml'), env: { WEIR_STATE_STORE: 'kubernetes' }, args: [] })
  t.equal(config.state.store, 'kubernetes')
  const [role, binding] = readManifests('overlays/replicas/state-rbac.yaml')
  t.strictSame(at(role, 'rules'), [
    { apiGroups: [''], resources: ['configmaps'], resourceNames: [config.state.name], verbs: ['get', 'list', 'watch', 'update'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }
  ])
  t.equal(at(binding, 'roleRef.name'), at(role, 'metadata.name'))
  t.same(at(binding, 'subjects'), [{ kind: 'ServiceAccount', name: at(pod, 'serviceAccountName') }])
})
