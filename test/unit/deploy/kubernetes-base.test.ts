import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { at, DEPLOY, findObject, listAt, readManifests } from './manifests.ts'

const [deployment] = readManifests('base/deployment.yaml')
const pod = at(deployment, 'spec.template.spec')
const container = at(pod, 'containers.0')
const services = readManifests('base/service.yaml')
const rbac = readManifests('base/rbac.yaml')
const [kustomization] = readManifests('base/kustomization.yaml')

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

t.test('the ConfigMap keeps its name when its content changes, so that running pods reload it', async t => {
  t.equal(at(kustomization, 'generatorOptions.disableNameSuffixHash'), true)
  t.same(at(kustomization, 'configMapGenerator'), [{ name: 'weir-config', files: ['weir.yaml'] }])
  const volume = listAt(pod, 'volumes').find(each => at(each, 'name') === 'config')
  t.equal(at(volume, 'configMap.name'), 'weir-config')
  const overlay = listAt(readManifests('overlays/hello/kustomization.yaml')[0], 'configMapGenerator')[0]
  t.match(overlay, { name: 'weir-config', behavior: 'replace', options: { disableNameSuffixHash: true } })
})

t.test('one replica with a memory of its own, which is replaced without a gap', async t => {
  t.equal(at(deployment, 'spec.replicas'), 1)
  t.same(at(deployment, 'spec.strategy.rollingUpdate'), { maxSurge: 1, maxUnavailable: 0 })
  t.same(listAt(pod, 'volumes').filter(each => at(each, 'emptyDir') !== undefined).map(each => at(each, 'name')), ['state'])
})

t.test('a pod starts without the Secret of the tokens, and then nobody may use the admin API', async t => {
  const tokens = listAt(pod, 'volumes').find(each => at(each, 'name') === 'tokens')
  t.match(at(tokens, 'secret'), { secretName: 'weir-tokens', optional: true, defaultMode: 0o440 })
})
