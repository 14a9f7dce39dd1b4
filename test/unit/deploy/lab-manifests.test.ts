import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { CLOSE_LIMIT_MS, HELLO_DEFAULTS, readHelloOptions } from '../../../deploy/examples/hello/hello-server.ts'
import { readLabManifest } from '../../../deploy/examples/hello/lab-manifests.ts'
import { NAMESPACE } from '../../../deploy/examples/hello/lab-cluster.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { KubernetesSchema } from './kubernetes-schema.ts'
import { buildOverlay } from './kustomize.ts'
import { at, DEPLOY, findObject, listAt, readManifests } from './manifests.ts'
import { objectFaults } from './object-rules.ts'
import { containersOf, restrictedFaults } from './pod-rules.ts'

const LAB = 'examples/hello/lab'
/** File, its version, and how many pods it starts with. */
const FILES = [['auth', '1.0.0', 1], ['hello', '1.0.0', 1], ['hello-canary', '2.0.0', 1], ['hello-green', '2.0.0', 3]] as const

const podOf = (name: string): unknown => at(findObject(readManifests(`${LAB}/${name}.yaml`), 'Deployment', name), 'spec.template')
const labelsOf = (name: string): unknown => at(podOf(name), 'metadata.labels')

t.test('each Deployment of the course: its version is its label, which the server reads', async t => {
  for (const [name, version, replicas] of FILES) {
    const deployment = findObject(readManifests(`${LAB}/${name}.yaml`), 'Deployment', name)
    t.equal(at(deployment, 'spec.replicas'), replicas)
    t.same(at(deployment, 'spec.strategy'), { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
    const labels = new Map(Object.entries(Object(labelsOf(name))))
    const environment = Object.fromEntries(listAt(podOf(name), 'spec.containers.0.env').map(variable => {
      const field = String(at(variable, 'valueFrom.fieldRef.fieldPath'))
      return [at(variable, 'name'), at(variable, 'value') ?? labels.get(/^metadata\.labels\['(.+)'\]$/.exec(field)?.[1] ?? '')]
    }))
    t.same(readHelloOptions([], environment), { ...HELLO_DEFAULTS, name: name === 'auth' ? 'auth' : 'hello', version, address: '0.0.0.0', port: 8080 })
    t.equal(at(podOf(name), 'spec.containers.0.ports.0.containerPort'), 8080)
  }
})

t.test('no Deployment selects the pods of another, and the version may change under its selector', async t => {
  for (const [name] of FILES) {
    const selector = Object.entries(Object(at(findObject(readManifests(`${LAB}/${name}.yaml`), 'Deployment', name), 'spec.selector.matchLabels')))
    t.not(selector.length, 0)
    t.notOk(selector.some(([key]) => key === 'version'), 'a selector can\'t be changed')
    for (const [other] of FILES) {
      const labels = new Map(Object.entries(Object(labelsOf(other))))
      t.equal(selector.every(([key, value]) => labels.get(key) === value), other === name, `${name}, ${other}`)
    }
  }
})

t.test('the Service hello has the pods of every track, the others their own', async t => {
  const selected = Object.fromEntries(FILES.map(([name]) => {
    const selector = Object.entries(Object(at(findObject(readManifests(`${LAB}/${name}.yaml`), 'Service', name), 'spec.selector')))
    return [name, FILES.map(([other]) => other).filter(other => {
      const labels = new Map(Object.entries(Object(labelsOf(other))))
      return selector.every(([key, value]) => labels.get(key) === value)
    })]
  }))
  t.same(selected, { auth: ['auth'], hello: ['hello', 'hello-canary', 'hello-green'], 'hello-canary': ['hello-canary'], 'hello-green': ['hello-green'] })
  for (const track of ['stable', 'green']) t.ok(FILES.some(([name]) => at(labelsOf(name), 'track') === track), `a selector may name the track ${track}`)
})

const objects = [...readManifests(`${LAB}/namespace.yaml`), ...FILES.flatMap(([name]) => readManifests(`${LAB}/${name}.yaml`)), ...buildOverlay(`${LAB}/frontend`)]

t.test('Kubernetes 1.30 and newer accept every object of the lab', async t => {
  const schema = new KubernetesSchema()
  for (const object of objects) {
    const name = `${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`
    t.same([...schema.faultsOf(object), ...objectFaults(object)], [], name)
    t.ok([undefined, NAMESPACE].includes(at(object, 'metadata.namespace') as string | undefined), name) // a text, or none
  }
})

t.test('every pod of the lab meets the restricted pod security standard, which its namespace enforces', async t => {
  t.match(findObject(objects, 'Namespace', NAMESPACE), { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } })
  const pods = objects.filter(object => at(object, 'kind') === 'Deployment').map(object => at(object, 'spec.template.spec'))
  t.equal(pods.length, FILES.length + 1)
  for (const pod of pods) {
    t.same([...restrictedFaults(pod)], [])
    for (const container of containersOf(pod)) {
      t.equal(at(container, 'securityContext.readOnlyRootFilesystem'), true)
      t.ok(['requests.cpu', 'requests.memory', 'limits.memory'].every(key => at(container, `resources.${key}`) !== undefined))
    }
  }
  for (const [name] of FILES) {
    t.equal(at(podOf(name), 'spec.automountServiceAccountToken'), false, 'auth and hello ask the API server for nothing')
    t.same(listAt(podOf(name), 'spec.volumes'), [{ name: 'app', configMap: { name: 'hello-server' } }])
  }
})

t.test('a pod goes on while others hear that it goes, and then has the time to finish', async t => {
  for (const [name] of FILES) {
    const spec = at(podOf(name), 'spec')
    const [command, seconds] = listAt(spec, 'containers.0.lifecycle.preStop.exec.command')
    t.same([command, Number(seconds) >= 5], ['sleep', true])
    t.ok(Number(at(spec, 'terminationGracePeriodSeconds')) > Number(seconds) + CLOSE_LIMIT_MS / 1_000)
  }
})

t.test('the frontend\'s configuration is that of the tls overlay but for routes and one trusted address, and names Services and ports that are there', async t => {
  const file = path.join(DEPLOY, LAB, 'frontend/weir.yaml')
  const { config, warnings } = await loadConfig({ file, env: {}, args: [] })
  t.same(warnings, [])
  const read = (name: string): Record<string, unknown> => ({ ...parse(readFileSync(name, 'utf8')), routes: undefined, clientIp: undefined })
  t.same(read(file), read(path.join(DEPLOY, 'overlays/tls/weir.yaml')))
  t.same(config.clientIp.trustedProxies, ['127.0.0.1/32'], 'a port-forward and nobody else')
  t.same(config.routes.map(({ name, match }) => [name, match?.path]), [['auth', '/login'], ['hello', undefined]])
  for (const { name, endpoints } of config.routes.flatMap(({ versions }) => versions)) {
    if (!('service' in endpoints)) throw new TypeError('a Service was expected')
    const service = findObject(readManifests(`${LAB}/${endpoints.service}.yaml`), 'Service', endpoints.service)
    t.ok(listAt(service, 'spec.ports').some(port => at(port, 'name') === endpoints.port), name)
  }
})

t.test('the frontend by track has the same routes and weights, its versions are pods of the one Service', async t => {
  const [frontend, byTrack] = await Promise.all(['frontend', 'frontend-by-track'].map(async folder => await loadConfig({ file: path.join(DEPLOY, LAB, folder, 'weir.yaml'), env: {}, args: [] })))
  t.same(byTrack?.warnings, [])
  const plain = frontend?.config.routes.flatMap(({ name, versions }) => versions.map(version => ({ ...version, route: name }))) ?? []
  const told = byTrack?.config.routes.flatMap(({ name, versions }) => versions.map(version => ({ ...version, route: name }))) ?? []
  t.same(told.map(version => ({ ...version, endpoints: undefined })), plain.map(version => ({ ...version, endpoints: undefined })))
  t.same({ ...byTrack?.config, routes: [] }, { ...frontend?.config, routes: [] })
  const tracks = told.filter(({ route }) => route === 'hello').map(({ endpoints }) => endpoints)
  t.same(tracks, ['stable', 'canary', 'green'].map(track => ({ service: 'hello', port: 'http', podLabels: { track } })))
  for (const [name] of FILES.slice(1)) t.ok(['stable', 'canary', 'green'].includes(String(at(labelsOf(name), 'track'))), name)
  const role = findObject(buildOverlay(`${LAB}/frontend-by-track`), 'Role', 'weir')
  t.same(listAt(role, 'rules').filter(rule => listAt(rule, 'resources').includes('pods')), [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }])
  t.notOk(JSON.stringify(findObject(objects, 'Role', 'weir')).includes('pods'), 'before, it may not')
})

t.test('the frontend is the tls overlay behind a load balancer that keeps the addresses of clients', async t => {
  const [kustomization] = readManifests(`${LAB}/frontend/kustomization.yaml`)
  t.equal(at(kustomization, 'namespace'), NAMESPACE)
  for (const name of [...listAt(kustomization, 'resources'), ...listAt(kustomization, 'patches').map(patch => at(patch, 'path'))].map(String)) {
    t.ok(existsSync(path.join(DEPLOY, LAB, 'frontend', name)), name)
  }
  t.match(kustomization, { configMapGenerator: [{ name: 'weir-config', behavior: 'replace', files: ['weir.yaml'], options: { disableNameSuffixHash: true } }] })
  t.match(findObject(objects, 'Service', 'weir'), { spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } })
  t.same(listAt(findObject(objects, 'Service', 'weir'), 'spec.ports').map(port => [at(port, 'port'), at(port, 'targetPort')]).sort(), [[443, 'secure'], [80, 'web']])
  t.same(at(findObject(objects, 'ConfigMap', 'weir-config'), 'data'), { 'weir.yaml': readFileSync(path.join(DEPLOY, LAB, 'frontend/weir.yaml'), 'utf8') })
})

t.test('what the lab does not play is passed over, and a file that is missing is said', async t => {
  t.same(readLabManifest('namespace.yaml'), { deployments: [], services: [] })
  t.throws(() => readLabManifest('missing.yaml'), { code: 'ENOENT' })
})
