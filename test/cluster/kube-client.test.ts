import { readFile, writeFile } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CredentialPlugins } from '../../src/kube/credential-plugin.ts'
import { loadKubeCredentials } from '../../src/kube/kube-credentials.ts'
import { KubeError } from '../../src/kube/kube-api.ts'
import type { KubeClient } from '../../src/kube/kube-client.ts'
import { KubeApiServer, type KubeApiServerOptions } from '../helpers/kube-api-server.ts'
import { clientOf, follow, TEST_CLOCK } from '../helpers/kube-api-server-follower.ts'

const LIBRARY = '@kubernetes/client-node/dist/config.js'

async function started (t: Test, options?: KubeApiServerOptions): Promise<KubeApiServer> {
  const server = await KubeApiServer.start(options)
  t.teardown(async () => { await server.stop() })
  server.createSlice({ name: 'web-a', service: 'web', endpoints: ['192.0.2.11'] })
  return server
}

async function listed (client: KubeClient, namespace?: string): Promise<number | string> {
  const collection = { groupVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespace, labelSelector: '' }
  const request = { collection, limit: 0, continueToken: '', freshness: 'latest', signal: new AbortController().signal } as const
  return await client.list(request).then(({ items }) => items.length, (error: unknown) => KubeError.from(error).message)
}

t.test('the Kubernetes library is loaded for the first request, not before', async t => {
  const resolved: string[] = []
  const hooks = registerHooks({
    resolve (specifier, context, next) {
      resolved.push(specifier)
      return next(specifier, context)
    }
  })
  t.teardown(() => { hooks.deregister() })
  await import('../../src/discovery/endpoint-registry.ts')
  const server = await started(t)
  const client = await clientOf(t, server.kubeconfig())
  t.notOk(resolved.includes(LIBRARY))
  t.equal(await listed(client), 1)
  t.ok(resolved.includes(LIBRARY))
})

t.test('the namespace is that of the request, else of the context, else default', async t => {
  const server = await started(t)
  server.createSlice({ name: 'x', namespace: 'lab', service: 'web' })
  server.createSlice({ name: 'y', namespace: 'lab', service: 'web' })
  t.equal(await listed(await clientOf(t, server.kubeconfig())), 1)
  t.equal(await listed(await clientOf(t, server.kubeconfig({ namespace: 'lab' }))), 2)
  t.equal(await listed(await clientOf(t, server.kubeconfig({ namespace: 'lab' })), 'elsewhere'), 0)
})

t.test('TLS with the certificate authority of the kubeconfig, and none without it', async t => {
  const [cert, key] = await Promise.all(['tls-cert', 'tls-key'].map(async name =>
    await readFile(new URL(`../fixtures/kube-api/${name}.pem`, import.meta.url), 'utf8')))
  const server = await started(t, { tls: { cert: cert ?? '', key: key ?? '' } })
  const follower = await follow(t, server)
  await follower.until(() => follower.ready().length === 1)
  await server.until(() => server.watchCount === 1)
  server.patchSlice({ name: 'web-a', endpoints: ['192.0.2.12'] })
  await follower.until(() => follower.ready()[0] === '192.0.2.12:8080')
  const trusting = server.kubeconfig().replace(/"certificate-authority-data":"[^"]+"/, '"x":1')
  t.match(await listed(await clientOf(t, trusting)), /self-signed certificate/)
})

t.test('a token of the kubeconfig is sent; the wrong one is a 401', async t => {
  const server = await started(t)
  server.token = 'right'
  t.equal(await listed(await clientOf(t, server.kubeconfig({ token: 'right' }))), 1)
  t.equal(await listed(await clientOf(t, server.kubeconfig({ token: 'wrong' }))), 'the Kubernetes API answered 401: Unauthorized')
})

t.test('a token file that rotates is read again after a 401, a line feed at its end does no harm', async t => {
  const server = await started(t)
  const tokenFile = join(t.testdir({ token: 'first\n' }), 'token')
  server.token = 'first'
  const kubeconfigPath = `${tokenFile}.kubeconfig`
  await writeFile(kubeconfigPath, server.kubeconfig({ tokenFile }))
  const { KubeClient } = await import('../../src/kube/kube-client.ts')
  const { systemClock } = await import('../../src/core/clock.ts')
  const client = new KubeClient({ loadCredentials: async () => await loadKubeCredentials({ kubeconfig: kubeconfigPath, plugins: new CredentialPlugins(systemClock) }), clock: systemClock })
  t.equal(await listed(client), 1)
  await writeFile(tokenFile, 'second')
  server.token = 'second'
  t.match(await listed(client), /401/)
  t.equal(await listed(client), 1)
  t.strictSame(server.requests.map(({ authorization }) => authorization), ['Bearer first', 'Bearer first', 'Bearer second'])
})

t.test('a kubeconfig that is missing or broken is an error that names it, and is read again next time', async t => {
  const server = await started(t)
  const path = join(t.testdir({}), 'late')
  const { KubeClient } = await import('../../src/kube/kube-client.ts')
  const { systemClock } = await import('../../src/core/clock.ts')
  const client = new KubeClient({ loadCredentials: async () => await loadKubeCredentials({ kubeconfig: path, plugins: new CredentialPlugins(systemClock) }), clock: systemClock })
  t.match(await listed(client), `can't read ${path}: it does not exist`)
  await writeFile(path, '{')
  t.match(await listed(client), `can't read ${path}`)
  await writeFile(path, server.kubeconfig())
  t.equal(await listed(client), 1)
})

t.test('an unknown context is an error that names those there are', async t => {
  const server = await started(t)
  const path = join(t.testdir({ kubeconfig: server.kubeconfig() }), 'kubeconfig')
  await t.rejects(loadKubeCredentials({ kubeconfig: path, context: 'nope', plugins: new CredentialPlugins(TEST_CLOCK) }), /no usable context "nope" \(it has: double\); set kubernetes.context/)
})

t.test('a bearer token does not go over plain HTTP to another machine', async t => {
  const server = await started(t)
  const remote = server.kubeconfig({ token: 'x' }).replace(server.url, 'http://192.0.2.1:1')
  t.match(await listed(await clientOf(t, remote)), /HTTP protocol is not allowed/)
})

t.test('a server under a path is asked under that path', async t => {
  const server = await started(t)
  const prefixed = server.kubeconfig().replace(server.url, `${server.url}/k8s/clusters/c-1/`)
  t.match(await listed(await clientOf(t, prefixed)), /404: 404 page not found/)
  t.equal(server.requests[0]?.path, '/k8s/clusters/c-1/apis/discovery.k8s.io/v1/namespaces/default/endpointslices')
})

t.test('a hanging credential plugin ends with the timeout of the request', async t => {
  const server = await started(t)
  const exec = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', 'setTimeout(() => {}, 500)'] } }
  const config = server.kubeconfig().replace('"user":{}', `"user":${JSON.stringify(exec)}`)
  t.match(await listed(await clientOf(t, config, { listTimeoutMs: 50 })), /did not answer within 50 ms/)
})
