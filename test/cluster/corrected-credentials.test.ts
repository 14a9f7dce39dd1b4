/**
 * Credentials that were wrong and are corrected, and a credential plugin that hangs.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CredentialPlugins } from '../../src/kube/credential-plugin.ts'
import { KubeClient } from '../../src/kube/kube-client.ts'
import { loadKubeCredentials } from '../../src/kube/kube-credentials.ts'
import { KubeError } from '../../src/kube/kube-api.ts'
import { closedPort } from '../helpers/closed-port.ts'
import { KubeApiServer, type KubeApiServerOptions } from '../helpers/kube-api-server.ts'
import { clientOf, TEST_CLOCK } from '../helpers/kube-api-server-follower.ts'
import { eventually, startWeir, temporaryDirectory } from '../helpers/weir-process.ts'

const COLLECTION = { groupVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespace: undefined, labelSelector: '' }

async function started (t: Test, options?: KubeApiServerOptions): Promise<KubeApiServer> {
  const server = await KubeApiServer.start(options)
  t.teardown(async () => { await server.stop() })
  server.createSlice({ name: 'web-a', service: 'web', endpoints: ['192.0.2.11'] })
  return server
}

/** A client of a kubeconfig file that the test writes. */
function followerOf (t: Test) {
  const path = join(t.testdir({}), 'kubeconfig')
  const client = new KubeClient({
    loadCredentials: async () => await loadKubeCredentials({ kubeconfig: path, plugins: new CredentialPlugins(TEST_CLOCK) }), clock: TEST_CLOCK
  })
  return { path, client, write: async (kubeconfig: string) => { await writeFile(path, kubeconfig) } }
}

async function listed (client: KubeClient): Promise<number | string> {
  const request = { collection: COLLECTION, limit: 0, continueToken: '', freshness: 'latest', signal: new AbortController().signal } as const
  return await client.list(request).then(({ items }) => items.length, (error: unknown) => KubeError.from(error).message)
}

async function tlsPair (): Promise<{ readonly cert: string, readonly key: string }> {
  const [cert = '', key = ''] = await Promise.all(['tls-cert', 'tls-key'].map(async name =>
    await readFile(new URL(`../fixtures/kube-api/${name}.pem`, import.meta.url), 'utf8')))
  return { cert, key }
}

t.test('an address that was wrong and is corrected is read again after the failure', async t => {
  const server = await started(t)
  const { client, write } = followerOf(t)
  await write(server.kubeconfig().replace(server.url, `http://127.0.0.1:${await closedPort()}`))
  t.match(await listed(client), /ECONNREFUSED/)
  await write(server.kubeconfig())
  t.equal(await listed(client), 1)
})

t.test('an authority that was wrong and is corrected is read again after the failure, in the kubeconfig or a file of its own', async t => {
  const server = await started(t, { tls: await tlsPair() })
  const { path, client, write } = followerOf(t)
  const right = server.kubeconfig()
  await write(right.replace(/"certificate-authority-data":"[^"]+"/, '"x":1'))
  t.match(await listed(client), /self-signed certificate/)
  await write(right)
  t.equal(await listed(client), 1)
  const authority = `${path}.ca`
  await write(right.replace(/"certificate-authority-data":"[^"]+"/, `"certificate-authority":${JSON.stringify(authority)}`))
  server.failNext([500])
  t.match(await listed(client), /500/)
  t.match(await listed(client), /kubeconfig.ca does not exist/)
  await writeFile(authority, 'rubbish')
  t.type(await listed(client), 'string')
  await writeFile(authority, (await tlsPair()).cert)
  t.equal(await listed(client), 1)
})

t.test('a user that was refused and is corrected is read again, whatever the refusal was', async t => {
  const server = await started(t)
  server.token = 'right'
  for (const status of [401, 403, 404, 500] as const) {
    const { client, write } = followerOf(t)
    await write(server.kubeconfig({ token: 'wrong' }))
    server.failNext([status])
    t.match(await listed(client), new RegExp(`answered ${status}`))
    await write(server.kubeconfig({ token: 'right' }))
    t.equal(await listed(client), 1, `after ${status}`)
  }
})

t.test('credentials are read again after a watch broke, and not while all is well', async t => {
  const server = await started(t)
  const path = join(t.testdir({ kubeconfig: server.kubeconfig() }), 'kubeconfig')
  let loads = 0
  const client = new KubeClient({
    loadCredentials: async () => {
      loads++
      return await loadKubeCredentials({ kubeconfig: path, plugins: new CredentialPlugins(TEST_CLOCK) })
    },
    clock: TEST_CLOCK
  })
  t.equal(await listed(client), 1)
  t.equal(await listed(client), 1)
  t.equal(loads, 1)
  const broken = t.rejects(async () => {
    for await (const event of client.watch({ collection: COLLECTION, resourceVersion: String(server.objects.revision), timeoutSeconds: 60, signal: new AbortController().signal })) void event
  })
  await server.until(() => server.watchCount === 1)
  await server.kill()
  await broken
  await server.startAgain()
  t.equal(await listed(client), 1)
  t.equal(loads, 2)
})

t.test('an answer that ends too soon says who may have ended it', async t => {
  const server = await started(t)
  const { client, write } = followerOf(t)
  await write(server.kubeconfig())
  server.failNext(['truncated'])
  t.equal(await listed(client), 'the connection was closed in mid-answer, by the API server or something before it')
})

t.test('the token of a credential plugin is sent, and a new one is asked for after a 401', async t => {
  const server = await started(t)
  const { path, client, write } = followerOf(t)
  const tokenFile = `${path}.token`
  await writeFile(tokenFile, 'first')
  const print = `process.stdout.write(JSON.stringify({ status: { token: require('node:fs').readFileSync(${JSON.stringify(tokenFile)}, 'utf8') } }))`
  const exec = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', print] } }
  await write(server.kubeconfig().replace('"user":{}', `"user":${JSON.stringify(exec)}`))
  server.token = 'first'
  t.equal(await listed(client), 1)
  await writeFile(tokenFile, 'second\n')
  server.token = 'second'
  t.match(await listed(client), /401/)
  t.equal(await listed(client), 1)
})

t.test('an auth-provider that would hold up everything while its command runs is refused with the remedy', async t => {
  const server = await started(t)
  const user = { 'auth-provider': { name: 'gcp', config: { 'cmd-path': 'sleep', 'cmd-args': '1000' } } }
  const client = await clientOf(t, server.kubeconfig().replace('"user":{}', `"user":${JSON.stringify(user)}`))
  t.match(await listed(client), /the auth-provider "gcp" of the kubeconfig runs a command .* use "exec" with a credential plugin/)
})

t.test('a credential plugin that hangs keeps Weir from neither starting nor ending, and ends with it', async t => {
  const server = await started(t)
  const directory = await temporaryDirectory(t)
  const pidFile = join(directory, 'pid')
  const hang = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1e6)`
  const exec = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', hang] } }
  const kubeconfig = join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig().replace('"user":{}', `"user":${JSON.stringify(exec)}`))
  const weir = await startWeir(t, {
    directory,
    config: () => ({ workers: 1, kubernetes: { kubeconfig }, routes: [{ name: 'r', versions: [{ name: 'v', weight: 1, endpoints: { service: 'web', port: 'http' } }] }] })
  })
  const pid = await eventually(async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined)
  t.equal(await weir.stop(), 0)
  await eventually(async () => {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')
    return state === 'gone' || / Z /.test(state) ? true : undefined
  })
})
