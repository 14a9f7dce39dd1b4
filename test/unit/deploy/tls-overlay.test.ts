import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/config/load.ts'
import { at, DEPLOY, findObject, listAt, readManifests } from './manifests.ts'

const { config } = await loadConfig({ file: path.join(DEPLOY, 'overlays/tls/weir.yaml'), env: {}, args: [] })
const [patch] = readManifests('components/tls/deployment.yaml')
const container = at(patch, 'spec.template.spec.containers.0')
const [secure] = config.listeners.filter(({ tls }) => tls !== undefined)

t.test('the certificate lies where the Secret is mounted, under the names that a Secret of its type has', async t => {
  t.same(listAt(container, 'volumeMounts'), [{ name: 'tls', mountPath: '/etc/weir/tls', readOnly: true }], 'a whole directory, or the kubelet would not update it')
  t.same(secure?.tls?.certificates, [{ cert: '/etc/weir/tls/tls.crt', key: '/etc/weir/tls/tls.key' }])
  t.match(listAt(patch, 'spec.template.spec.volumes'), [{ name: 'tls', secret: { secretName: 'weir-tls' } }])
})

t.test('the ports of the listener, the container and the Service agree, and the plain port leads to it', async t => {
  const service = findObject(readManifests('components/tls/service.yaml'), 'Service', 'weir')
  t.same(listAt(container, 'ports'), [{ name: 'secure', containerPort: secure?.port }])
  t.same(listAt(service, 'spec.ports').map(port => at(port, 'targetPort')), ['secure'])
  t.same(config.listeners.filter(({ tls }) => tls === undefined).map(({ name, redirectToHttps }) => [name, redirectToHttps?.port]), [['web', at(listAt(service, 'spec.ports')[0], 'port')]])
})

t.test('the network lets clients reach the port of https too', async t => {
  t.same(parse(readFileSync(path.join(DEPLOY, 'components/tls/network-policy.yaml'), 'utf8')), [{ op: 'add', path: '/spec/ingress/0/ports/-', value: { port: 'secure' } }])
  const [kustomization] = readManifests('components/tls/kustomization.yaml')
  t.match(listAt(kustomization, 'patches').at(-1), { path: 'network-policy.yaml', target: { kind: 'NetworkPolicy', name: 'weir' } })
})

t.test('everything but the listeners is as in the base', async t => {
  const read = (file: string): Record<string, unknown> => ({ ...parse(readFileSync(path.join(DEPLOY, file), 'utf8')), listeners: undefined })
  t.same(read('overlays/tls/weir.yaml'), read('base/weir.yaml'))
})

t.test('the page shows the mount as it is', async t => {
  const page = readFileSync(path.join(DEPLOY, '../docs/tls.md'), 'utf8')
  const shown = /```yaml\n(volumeMounts:[^`]+)```/.exec(page)?.[1] ?? ''
  t.same(parse(shown, { version: '1.1' }), { volumeMounts: listAt(container, 'volumeMounts'), volumes: listAt(patch, 'spec.template.spec.volumes') })
})
