import t from 'tap'
import { withFullPaths } from '../../../src/config/load.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'

const TEXT = `
listeners:
  - { name: web, port: 8080, tls: { certificates: [{ cert: tls/a.pem, key: /abs/a.key }], clientCertificates: { ca: ../ca.pem } } }
  - { name: plain, port: 8081 }
routes:
  - name: r
    versions:
      - { name: v, weight: 1, endpoints: { static: [] }, tls: { ca: origins.pem } }
      - { name: w, weight: 1, endpoints: { static: [] }, tls: {} }
admin: { tokens: [{ name: a, role: viewer, file: tokens/a }] }
state: { store: kubernetes }
replicas: { service: weir, secretFile: secret }
webhooks: [{ url: "https://example.com/", secretFile: hook, events: [weights] }]
`

t.test('every file of a configuration is named in full, from the directory in which Weir was started', async t => {
  const resolve = createConfigResolver()
  const { config } = await resolve({ bytes: Buffer.from(TEXT), fileName: 'f', env: { WEIR_ACCESS_LOG_PATH: 'access.log', WEIR_KUBERNETES_KUBECONFIG: 'kube' }, args: [] })
  const full = withFullPaths(config, '/srv/weir')
  t.same(full.listeners[0]?.tls?.certificates, [{ cert: '/srv/weir/tls/a.pem', key: '/abs/a.key' }])
  t.equal(full.listeners[0]?.tls?.clientCertificates?.ca, '/srv/ca.pem')
  t.notOk(full.listeners[1] !== undefined && 'tls' in full.listeners[1])
  t.equal(full.routes[0]?.versions[0]?.tls?.ca, '/srv/weir/origins.pem')
  t.same(full.routes[0]?.versions[1]?.tls, { verify: true })
  t.equal(full.admin.tokens[0]?.file, '/srv/weir/tokens/a')
  t.equal(full.state.path, '/srv/weir/.weir/state.json')
  t.equal(full.kubernetes.kubeconfig, '/srv/weir/kube')
  t.equal(full.replicas?.secretFile, '/srv/weir/secret')
  t.equal(full.webhooks[0]?.secretFile, '/srv/weir/hook')
  t.equal(full.accessLog.path, '/srv/weir/access.log')
})

t.test('standard output is no file, and what names none stays as it is', async t => {
  const { config } = await createConfigResolver()({ bytes: Buffer.from('listeners: [{ name: web, port: 1 }]\nroutes: []\n'), fileName: 'f', env: {}, args: [] })
  t.same(withFullPaths(config, '/srv'), { ...config, state: { ...config.state, path: '/srv/.weir/state.json' } })
})
