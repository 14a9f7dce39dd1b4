import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { parseDurationMs } from '../../../src/core/duration.ts'
import { buildOverlay } from './kustomize.ts'
import { at, DEPLOY, findObject, listAt } from './manifests.ts'

const objects = buildOverlay('overlays/sidecar')
const pod = at(findObject(objects, 'Deployment', 'caller'), 'spec.template.spec')
const [weir] = listAt(pod, 'initContainers')
const { config } = await loadConfig({ file: path.join(DEPLOY, 'overlays/sidecar/weir.yaml'), env: {}, args: [] })

t.test('Weir is a native sidecar: it is there before the application, and goes after it', async t => {
  t.match(weir, { name: 'weir', restartPolicy: 'Always' })
  t.equal(at(weir, 'startupProbe.httpGet.path'), '/readyz', 'the application starts when Weir knows its endpoints')
  t.same(listAt(pod, 'containers').map(each => at(each, 'name')), ['caller'])
})

t.test('only Deployments that ask for it get it', async t => {
  t.same(listAt(at(findObject(objects, 'Deployment', 'hello-stable'), 'spec.template.spec'), 'initContainers'), [])
})

t.test('what the application uses and the admin API are on loopback; the kubelet reaches the probes', async t => {
  t.same([...config.listeners, config.admin].map(({ address }) => address), ['127.0.0.1', '127.0.0.1'])
  t.same(listAt(weir, 'ports').map(port => at(port, 'containerPort')), [config.admin.probes?.port])
  const [caller] = listAt(pod, 'containers')
  t.match(String(listAt(caller, 'args')[0]), `http://127.0.0.1:${config.listeners[0]?.port ?? 0}/`, 'the application asks there')
})

t.test('Weir alone has a token, and may list and watch EndpointSlices with it', async t => {
  t.equal(at(pod, 'automountServiceAccountToken'), false)
  const token = listAt(pod, 'volumes').find(each => at(each, 'projected') !== undefined)
  const [account, authority, namespace] = listAt(token, 'projected.sources')
  t.equal(at(account, 'serviceAccountToken.path'), 'token')
  t.equal(at(listAt(authority, 'configMap.items')[0], 'path'), 'ca.crt')
  t.equal(at(listAt(namespace, 'downwardAPI.items')[0], 'path'), 'namespace')
  const mounts = (container: unknown): readonly unknown[] => listAt(container, 'volumeMounts').filter(each => at(each, 'name') === at(token, 'name')).map(each => at(each, 'mountPath'))
  t.same(mounts(weir), ['/var/run/secrets/kubernetes.io/serviceaccount'], 'where a client in a cluster looks')
  t.same(listAt(pod, 'containers').flatMap(mounts), [])
  t.same(at(findObject(objects, 'Role', 'weir-sidecar'), 'rules'), [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }])
  t.same(at(findObject(objects, 'RoleBinding', 'weir-sidecar'), 'subjects'), [{ kind: 'ServiceAccount', name: at(pod, 'serviceAccountName'), namespace: 'weir-hello' }])
})

t.test('it takes no time to drain: when it is told to stop, the application has ended', async t => {
  t.equal(parseDurationMs(config.drain.delay), 0)
})

t.test('its routes lead to Services that are there, by the name of a port they have', async t => {
  for (const { endpoints } of config.routes.flatMap(({ versions }) => versions)) {
    if (!('service' in endpoints)) throw new TypeError('a Service was expected')
    t.ok(listAt(findObject(objects, 'Service', endpoints.service), 'spec.ports').some(port => at(port, 'name') === endpoints.port), endpoints.service)
  }
  t.not(config.routes.length, 0)
})
