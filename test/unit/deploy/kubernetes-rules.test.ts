/**
 * The judges of the manifests can say no.
 */
import t from 'tap'
import { KubernetesSchema } from './kubernetes-schema.ts'
import { buildOverlay } from './kustomize.ts'
import { at, findObject, listAt } from './manifests.ts'
import { monitoringFaults } from './monitoring-schema.ts'
import { linkFaults, objectFaults } from './object-rules.ts'
import { restrictedFaults } from './pod-rules.ts'

type Change = (object: Record<string, unknown>) => void

const schema = new KubernetesSchema()
const ingress = buildOverlay('overlays/ingress')

/** The value at a path as something that a test may change. */
function inside (object: unknown, keys: string): Record<string, unknown> {
  const found = keys === '' ? object : at(object, keys)
  if (typeof found !== 'object' || found === null) throw new TypeError(`there is nothing at ${keys}`)
  return found as Record<string, unknown>
}

/** An object of the ingress overlay, with one thing changed. */
function changed (kind: string, name: string, keys: string, change: Change): Record<string, unknown> {
  const object = structuredClone(inside(findObject(ingress, kind, name), ''))
  change(inside(object, keys))
  return object
}

const volumesBut = (pod: unknown, name: string): readonly unknown[] => listAt(pod, 'volumes').filter(volume => at(volume, 'name') !== name)

const container = 'spec.template.spec.containers.0'

t.test('what Kubernetes 1.30 does not know, or not so, is found with its place', async t => {
  const faults = (kind: string, keys: string, change: Change) => schema.faultsOf(changed(kind, 'weir', keys, change))
  t.same(faults('Deployment', 'spec', spec => { spec['replica'] = 2 }), ['Deployment.spec.replica is not a known field'])
  t.same(faults('Deployment', 'spec', spec => { spec['replicas'] = '2' }), ['Deployment.spec.replicas must be number: "2"'])
  t.same(faults('Deployment', 'spec', spec => { delete spec['selector'] }), ['Deployment.spec.selector is missing'])
  t.same(faults('Deployment', `${container}.resources.limits`, limits => { limits['memory'] = '512MiB' }), [
    'Deployment.spec.template.spec.containers[0].resources.limits.memory must be Quantity: "512MiB"'
  ])
  t.same(faults('Deployment', 'metadata.labels', labels => { labels['tier'] = 1 }), ['Deployment.metadata.labels.tier must be string: 1'])
  t.same(faults('Service', 'spec', spec => { spec['ports'] = {} }), ['Service.spec.ports must be a list: {}'])
  t.same(faults('Deployment', 'spec.template.spec', pod => { pod['resources'] = {} }), ['Deployment.spec.template.spec.resources is not a known field'], 'it came with 1.32')
  t.same(faults('PodDisruptionBudget', '', budget => { budget['apiVersion'] = 'policy/v1beta1' }), ['policy/v1beta1 PodDisruptionBudget is not known'], '1.25 has removed it')
  t.same(schema.faultsOf({ apiVersion: 'apps/v1', kind: 'deployment' }), ['apps/v1 deployment is not known'])
})

t.test('what an API server refuses beyond types is found', async t => {
  const faults = (kind: string, keys: string, change: Change) => [...objectFaults(changed(kind, 'weir', keys, change))]
  const refuse = (kind: string, keys: string, change: Change, fault: RegExp) => { t.match(faults(kind, keys, change), [fault]) }
  refuse('Service', 'metadata', metadata => { metadata['name'] = '1weir' }, /is no name of a Service/)
  refuse('Service', 'metadata.labels', labels => { labels['a/b/c'] = 'x' }, /is no key/)
  refuse('Service', 'metadata.labels', labels => { labels['a'] = 'x'.repeat(64) }, /is no value/)
  refuse('Service', 'spec', spec => { spec['type'] = 'ClusterIP' }, /externalTrafficPolicy/)
  refuse('Service', 'spec.ports.0', port => { port['targetPort'] = 'a-name-that-is-too-long' }, /is no name of a port/)
  refuse('Deployment', 'spec.template.metadata.labels', labels => { delete labels['app.kubernetes.io/name'] }, /does not match the labels/)
  refuse('Deployment', 'spec.template.spec', pod => { pod['volumes'] = volumesBut(pod, 'config') }, /there is no volume config/)
  refuse('Deployment', 'spec.template.spec', pod => {
    pod['volumes'] = [...volumesBut(pod, 'tokens'), { name: 'tokens', secret: { secretName: 'a', defaultMode: 0o1777 } }]
  }, /has the mode/)
  refuse('Deployment', `${container}.livenessProbe`, probe => { probe['successThreshold'] = 2 }, /successThreshold must be 1/)
  refuse('Deployment', `${container}.livenessProbe.httpGet`, probe => { probe['port'] = 'prob' }, /there is no port prob/)
  refuse('Deployment', `${container}.resources.requests`, requests => { requests['memory'] = '1Gi' }, /more memory is requested/)
  refuse('Deployment', 'spec.template.spec', pod => { pod['initContainers'] = [{ name: 'a', livenessProbe: { exec: {} } }] }, /init container that is no sidecar/)
  refuse('HorizontalPodAutoscaler', 'spec', spec => { spec['minReplicas'] = 7 }, /above maxReplicas/)
  refuse('HorizontalPodAutoscaler', 'spec.metrics.1.pods.target', target => { target['type'] = 'Value' }, /does not fit its type/)
  refuse('HorizontalPodAutoscaler', 'spec.metrics.0', metric => { metric['type'] = 'Pods' }, /needs its own source/)
  refuse('PodDisruptionBudget', 'spec', spec => { spec['minAvailable'] = 1 }, /and not both/)
  refuse('NetworkPolicy', 'spec.ingress.0.ports.0', port => { port['port'] = 0 }, /0 is no port/)
  refuse('Role', 'rules.0', rule => { rule['verbs'] = ['*'] }, /is no verb/)
  refuse('RoleBinding', 'subjects.0', subject => { delete subject['namespace'] }, /needs its namespace/)
})

t.test('what an object names and nobody is, is found', async t => {
  const faults = (kind: string, keys: string, change: Change) => [
    ...linkFaults([...ingress.filter(each => at(each, 'kind') !== kind || at(each, 'metadata.name') !== 'weir'), changed(kind, 'weir', keys, change)])
  ]
  t.same([...linkFaults(ingress)], [])
  t.match(faults('RoleBinding', 'roleRef', role => { role['name'] = 'wier' }), [/no such Role/])
  t.match(faults('Service', 'spec.ports.0', port => { port['targetPort'] = 'http' }), [/no pod has the port http/])
  t.match(faults('PodDisruptionBudget', 'spec.selector.matchLabels', labels => { labels['a'] = 'b' }), [/selects no pods/])
  t.match(faults('HorizontalPodAutoscaler', 'spec.scaleTargetRef', target => { target['name'] = 'other' }), [/no such Deployment/])
  t.match(faults('Deployment', 'spec.template.spec', pod => { pod['volumes'] = [{ name: 'config', configMap: { name: 'other' } }] }), [/there is no ConfigMap other/])
})

t.test('every field of the restricted standard is looked at', async t => {
  const faults = (keys: string, change: Change) => [...restrictedFaults(at(changed('Deployment', 'weir', keys, change), 'spec.template.spec'))]
  const security = `${container}.securityContext`
  t.same(faults(security, () => {}), [])
  t.same(faults(security, own => { own['allowPrivilegeEscalation'] = true }), ['weir: allowPrivilegeEscalation'])
  t.same(faults(security, own => { own['privileged'] = true }), ['weir: privileged'])
  t.same(faults(security, own => { own['runAsUser'] = 0 }), ['weir: runAsUser'])
  t.same(faults(security, own => { own['runAsNonRoot'] = false }), ['weir: runAsNonRoot'])
  t.same(faults(`${security}.capabilities`, own => { own['drop'] = [] }), ['weir: capabilities.drop'])
  t.same(faults(`${security}.capabilities`, own => { own['add'] = ['SYS_TIME'] }), ['weir: capabilities.add'])
  t.same(faults('spec.template.spec.securityContext', own => { delete own['seccompProfile'] }), ['weir: seccompProfile'])
  t.same(faults('spec.template.spec', pod => { pod['hostNetwork'] = true }), ['hostNetwork'])
  t.same(faults(`${container}.ports.0`, port => { port['hostPort'] = 80 }), ['weir: hostPort'])
  t.same(faults('spec.template.spec', pod => { pod['volumes'] = [...listAt(pod, 'volumes'), { name: 'x', hostPath: { path: '/' } }] }), ['volume x'])
})

t.test('an object of the Prometheus operator with a field that it does not know is refused', async t => {
  const monitor = findObject(buildOverlay('overlays/monitoring'), 'PodMonitor', 'weir')
  t.same(monitoringFaults(monitor), [])
  const wrong = structuredClone(monitor)
  inside(wrong, 'spec.podMetricsEndpoints.0')['targetport'] = 'admin'
  inside(wrong, 'spec.podMetricsEndpoints.0')['interval'] = '15'
  t.match(monitoringFaults(wrong), [/additional properties.*targetport/, /interval must match pattern/])
})
