import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/config/load.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { CHART, chartObjects, renderChart, valuesOf } from './chart.ts'
import { KubernetesSchema } from './kubernetes-schema.ts'
import { buildOverlay } from './kustomize.ts'
import { at, findObject, listAt, parseManifests, readYaml } from './manifests.ts'
import { objectFaults } from './object-rules.ts'
import { restrictedFaults } from './pod-rules.ts'

/** Which values files make which overlay. */
const SAME: ReadonlyArray<readonly [overlay: string, files: readonly string[]]> = [
  ['base', []], ['overlays/ingress', ['ingress']], ['overlays/tls', ['tls']], ['overlays/monitoring', ['monitoring']]
]
/** Lists in which the order says nothing. */
const SETS = ['ports', 'volumes', 'volumeMounts']

/** An object as it is compared: weir.yaml as what it says, without comments, and sets in one order. */
function plain (value: unknown, key = ''): unknown {
  if (key === 'weir.yaml' && typeof value === 'string') return plain(parse(value))
  if (Array.isArray(value)) {
    const items = value.map(item => plain(item))
    return SETS.includes(key) ? items.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1) : items
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, inner]) => [name, plain(inner, name)]))
}

const byName = (objects: readonly unknown[]): Record<string, unknown> => Object.fromEntries(objects.map(object => [`${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`, plain(object)]))

for (const [overlay, files] of SAME) {
  t.test(`the chart with ${files.length === 0 ? 'its own values' : `values-${files.join()}.yaml`} is deploy/${overlay}, object by object`, async t => {
    const [chart, kustomized] = [byName(chartObjects(valuesOf(files), 'weir')), byName(buildOverlay(overlay))]
    t.same(Object.keys(chart).toSorted(), Object.keys(kustomized).toSorted(), 'the same objects')
    for (const [name, object] of Object.entries(kustomized)) t.strictSame(chart[name], object, name)
  })
}

const schema: unknown = JSON.parse(readFileSync(path.join(CHART, 'values.schema.json'), 'utf8'))
const check = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(Object(schema))
const faultsOf = (values: unknown): readonly string[] => check(values) ? [] : (check.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath} ${message}`)

t.test('the schema takes the values that are there, knows each of them, and refuses others', async t => {
  for (const files of [...SAME.map(([, names]) => names), ['ingress', 'tls', 'monitoring'], ['ingress', 'ipv6']]) t.same(faultsOf(valuesOf(files)), [], files.join())
  t.same(Object.keys(Object(at(schema, 'properties'))).filter(name => name !== 'global').toSorted(), Object.keys(Object(readYaml('chart/values.yaml'))).toSorted())
  t.match(faultsOf(valuesOf([], { replica: 2 })), [/additional properties/])
  t.match(faultsOf(valuesOf([], { image: { tagg: '1' } })), [/^\/image .*additional properties/])
  t.match(faultsOf(valuesOf([], { image: { digest: 'sha256:1' } })), [/^\/image\/digest must match/])
  t.match(faultsOf(valuesOf([], { replicas: '2' })), [/^\/replicas must be/])
  t.match(faultsOf(valuesOf([], { service: { type: 'Ingress' } })), [/^\/service\/type must be/])
  t.match(faultsOf(valuesOf([], { config: { listeners: null } })), [/^\/config must have required property 'listeners'/])
  t.match(faultsOf(valuesOf([], { config: { listeners: [{ name: 'a-name-that-is-too-long', port: 80 }] } })), [/must NOT have more than 15/])
  for (const name of ['8080', 'a--b']) t.not(faultsOf(valuesOf([], { config: { listeners: [{ name, port: 80 }] } })).length, 0, `Kubernetes has no port with the name ${name}`)
  t.match(faultsOf(valuesOf([], { namespaces: ['lab', 'lab'] })), [/duplicate/])
})

const digest = `sha256:${'0'.repeat(64)}`
/** Every value changed, for what no overlay has. */
const OTHERS = {
  name: 'edge',
  image: { repository: 'registry.example.com/weir', digest },
  imagePullSecrets: [{ name: 'registry' }],
  tls: { secret: 'shop-tls' },
  tokens: { secret: 'shop-tokens' },
  replicaSecret: 'shop-replicas',
  config: { state: { name: 'edge-weights' }, replicas: { service: 'edge-replicas' } },
  service: { annotations: { 'a.example.com/b': 'true' }, loadBalancerClass: 'example.com/inner', loadBalancerSourceRanges: ['192.0.2.0/24'] },
  namespaces: ['lab', 'pay'],
  env: [{ name: 'WEIR_LOG_LEVEL', value: 'debug' }],
  volumes: [{ name: 'authorities', configMap: { name: 'authorities' } }],
  volumeMounts: [{ name: 'authorities', mountPath: '/etc/weir/authorities', readOnly: true }],
  podAnnotations: { 'a.example.com/c': 'd' },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'edge', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] } } },
  priorityClassName: 'system-cluster-critical',
  autoscaling: { requestsInFlight: 0 },
  networkPolicy: { enabled: false },
  monitoring: { labels: { release: 'kube-prometheus-stack' } }
}

t.test('every other value makes objects that an API server accepts', async t => {
  const values = valuesOf(['ingress', 'monitoring'], OTHERS)
  t.same(faultsOf(values), [])
  const objects = chartObjects(values, 'shop')
  const kubernetes = new KubernetesSchema()
  for (const object of objects) {
    const shape = String(at(object, 'apiVersion')).startsWith('monitoring.') ? [] : kubernetes.faultsOf(object)
    t.same([...shape, ...objectFaults(object)], [], `${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`)
    t.match(at(object, 'metadata'), { name: /^edge/, namespace: /^(shop|lab|pay)$/, labels: { 'app.kubernetes.io/name': 'edge' } })
  }
  const bindings = objects.filter(object => at(object, 'kind') === 'RoleBinding' && at(object, 'metadata.name') === 'edge')
  t.same(bindings.map(object => [at(object, 'metadata.namespace'), at(object, 'subjects.0.namespace')]), [['shop', 'shop'], ['lab', 'shop'], ['pay', 'shop']])
  t.match(at(findObject(objects, 'Service', 'edge'), 'spec'), { loadBalancerClass: 'example.com/inner', loadBalancerSourceRanges: ['192.0.2.0/24'] })
  const pod = at(findObject(objects, 'Deployment', 'edge'), 'spec.template.spec')
  t.same(at(pod, 'containers.0.env'), OTHERS.env)
  for (const field of ['volumes', 'volumeMounts'] as const) t.same(listAt(field === 'volumes' ? pod : at(pod, 'containers.0'), field).at(-1), OTHERS[field][0], field)
  t.same([...restrictedFaults(pod)], [])
  t.equal(at(pod, 'containers.0.image'), `registry.example.com/weir@${digest}`, 'the digest wins')
  for (const field of ['imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity', 'priorityClassName'] as const) t.same(at(pod, field), OTHERS[field], field)
  for (const secret of ['shop-tls', 'shop-tokens', 'shop-replicas']) t.ok(listAt(pod, 'volumes').some(volume => at(volume, 'secret.secretName') === secret), secret)
  t.same(at(findObject(objects, 'Role', 'edge-state'), 'rules.0.resourceNames'), ['edge-weights', 'edge-weights-lists'])
  t.equal(listAt(findObject(objects, 'HorizontalPodAutoscaler', 'edge'), 'spec.metrics').length, 1, 'by CPU only')
  t.same(objects.filter(object => at(object, 'kind') === 'NetworkPolicy').map(object => at(object, 'metadata.name')), ['edge-monitoring'])
  t.equal(at(findObject(objects, 'PodMonitor', 'edge'), 'metadata.labels.release'), 'kube-prometheus-stack')
  t.equal(at(findObject(chartObjects(valuesOf(['ingress'], { replicas: null }), 'shop'), 'Deployment', 'weir'), 'spec.replicas'), undefined, 'left to the autoscaler')
})

/** What would not work, and what is said of it. */
const REFUSED: ReadonlyArray<readonly [files: readonly string[], more: Record<string, unknown>, says: RegExp]> = [
  [['ingress'], { name: 'edge' }, /set config\.state\.name, to edge-state/],
  [['ingress'], { name: 'edge', config: { state: { name: null } } }, /set config\.state\.name, to edge-state/],
  [['ingress'], { name: 'edge', config: { state: { name: 'edge-state' } } }, /set config\.replicas\.service, to edge-replicas/],
  [['ingress'], { config: { replicas: { service: 'weir' } } }, /config\.replicas\.service is weir,/],
  [['ingress'], { config: { replicas: { service: 'weir-admin' } } }, /config\.replicas\.service is weir-admin,/],
  [[], { config: { listeners: [{ name: 'web', port: 8080 }, { name: 'admin', port: 8081 }] } }, /a listener can't have the name admin/],
  [[], { config: { listeners: [{ name: 'web', port: 8080 }, { name: 'probes', port: 8081 }] } }, /a listener can't have the name probes/],
  [[], { service: { ports: [{ name: 'x', port: 80 }] } }, /service\.ports: x is the name of no listener/],
  [['ingress'], { config: { kubernetes: { namespace: 'lab' } } }, /config\.kubernetes\.namespace is also where/],
  [[], { config: { replicas: { service: 'weir-replicas' }, kubernetes: { namespace: 'lab' } } }, /config\.replicas\.service is made in the namespace of the release/]
]

t.test('values that could not work are refused, with the place and the remedy', async t => {
  for (const [files, more, says] of REFUSED) t.throws(() => renderChart(valuesOf(files, more), 'shop'), { message: says }, JSON.stringify(more))
})

t.test('two releases in one namespace share no object, nor the ConfigMap with the weights', async t => {
  const namesOf = (more: Record<string, unknown>): readonly string[] => {
    const objects = chartObjects(valuesOf(['ingress', 'monitoring'], more), 'shop')
    return [...Object.keys(byName(objects)), ...objects.flatMap(object => listAt(object, 'rules')).flatMap(rule => listAt(rule, 'resourceNames')).map(String)]
  }
  const first = new Set(namesOf({}))
  t.ok(first.has('weir-state') && first.has('Service weir-replicas'))
  t.same(namesOf({ name: 'edge', config: { state: { name: 'edge-state' }, replicas: { service: 'edge-replicas' } } }).filter(name => first.has(name)), [])
})

t.test('the namespace of the release may be named too, and names that read as numbers or truth stay texts', async t => {
  const own = { namespaces: ['shop', 'lab'], config: { kubernetes: { namespace: 'shop' } } }
  const roles = chartObjects(valuesOf(['ingress'], own), 'shop').filter(object => ['Role', 'RoleBinding'].includes(String(at(object, 'kind'))) && at(object, 'metadata.name') === 'weir')
  t.same(roles.map(object => at(object, 'metadata.namespace')), ['shop', 'shop', 'lab', 'lab'])
  const objects = chartObjects(valuesOf(['tls', 'monitoring'], {
    name: 'null',
    namespaces: ['456'],
    tls: { secret: '1e3' },
    tokens: { secret: 'true' },
    priorityClassName: '12',
    monitoring: { namespace: '789' },
    config: { listeners: [{ name: '1e3', port: 8080 }] },
    service: { ports: [{ name: '1e3', port: 80 }] }
  }), '123')
  const kubernetes = new KubernetesSchema()
  for (const object of objects) {
    const shape = String(at(object, 'apiVersion')).startsWith('monitoring.') ? [] : kubernetes.faultsOf(object)
    t.same([...shape, ...objectFaults(object)], [], `${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`)
    t.match(at(object, 'metadata'), { name: /^null/, namespace: /^(123|456)$/ })
  }
})

t.test('the image is that of the version of the chart, and the version is that of Weir', async t => {
  const chart: unknown = parse(readFileSync(path.join(CHART, 'Chart.yaml'), 'utf8'))
  const { version } = JSON.parse(readFileSync(path.join(CHART, '../../package.json'), 'utf8')) as { version: string }
  t.equal(at(chart, 'appVersion'), version)
  t.equal(at(findObject(buildOverlay('base'), 'Deployment', 'weir'), 'spec.template.spec.containers.0.image'), `weir:${version}`)
})

t.test('the configuration of every values file passes the validation of Weir without a warning', async t => {
  for (const files of [...SAME.map(([, names]) => names), ['ingress', 'tls'], ['ingress', 'ipv6']]) {
    const { data } = Object(findObject(chartObjects(valuesOf(files), 'weir'), 'ConfigMap', 'weir-config')) as { data: Record<string, string> }
    const { warnings } = await loadConfig({ file: undefined, text: { name: 'weir.yaml', bytes: Buffer.from(data['weir.yaml'] ?? '') }, env: {}, args: [] })
    t.same(warnings, [], files.join())
  }
})

t.test('with values-ipv6.yaml all that listens takes IPv6 too', async t => {
  const { config } = Object(valuesOf(['ingress', 'ipv6'])) as { config: unknown }
  const text = JSON.stringify(config)
  t.notMatch(text, '0.0.0.0')
  t.equal(text.split('"address":"::"').length, 4, 'the listener, the admin API and the probes')
  t.equal(at(config, 'admin.probes.port'), 9902)
})

t.test('the notes name what there is', async t => {
  const notes = (files: readonly string[], more = {}): string => renderChart(valuesOf(files, more), 'edge').get('templates/NOTES.txt') ?? ''
  t.match(notes([]), 'kubectl -n edge create secret generic weir-tokens')
  t.match(notes([]), 'port-forward service/weir 8080:80')
  t.match(notes([]), 'There are no routes yet')
  t.notMatch(notes([]), 'ConfigMap')
  t.match(notes(['ingress']), 'kubectl -n edge get service weir')
  t.match(notes(['ingress']), 'in the ConfigMap weir-state')
  t.match(notes(['ingress']), 'create secret generic weir-replicas --from-literal=secret=')
  t.notMatch(notes([], { config: { routes: [{ name: 'a' }] } }), 'no routes')
})

const helm = spawnSync('helm', ['version'], { stdio: 'ignore', env: childEnvironment() }).status === 0

t.test('Helm renders what the tests do', { skip: helm ? false : 'helm is not installed' }, async t => {
  for (const [, files] of SAME) {
    const flags = files.flatMap(name => ['--values', path.join(CHART, `values-${name}.yaml`)])
    const { stdout, stderr, status } = spawnSync('helm', ['template', 'weir', CHART, '--namespace', 'weir', ...flags], { encoding: 'utf8', env: childEnvironment() })
    t.equal(status, 0, stderr)
    t.strictSame(byName(parseManifests(stdout, 'helm')), byName(chartObjects(valuesOf(files), 'weir')))
  }
})
