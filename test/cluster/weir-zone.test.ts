/** The whole Weir in a zone: endpoints that the hints mean for it are preferred while they can be used. */
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import { once } from 'node:events'
import path from 'node:path'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { connectClient } from '../helpers/keep-alive-client.ts'
import { startOrigins } from '../helpers/origins.ts'
import { eventually, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from '../helpers/weir-process.ts'

/** A slice of one pod at a port of its own, in a zone and meant for it. */
function sliceOf (name: string, port: number, zone: string, hints: object | undefined = { forZones: [{ name: zone }] }) {
  return {
    name: `web-${name}`,
    service: 'web',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true, serving: true, terminating: false }, zone, ...(hints === undefined ? {} : { hints }) }],
    ports: [{ name: 'http', protocol: 'TCP', port }]
  }
}

async function started (t: Test, server: KubeApiServer, kubernetes: PlainConfig, args: readonly string[] = []): Promise<WeirProcess> {
  t.teardown(async () => { await server.stop() })
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const weir = await startWeir(t, {
    directory,
    args,
    config: () => ({
      workers: 1,
      kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'], ...kubernetes },
      routes: [{ name: 'web', health: { passive: { consecutiveFailures: 3, baseEjection: '1h', maxEjection: '1h' } }, versions: [{ name: 'v', weight: 1, endpoints: { service: 'web', port: 'http' } }] }]
    })
  })
  await weir.untilReadiness(200)
  return weir
}

async function answers (weir: WeirProcess, count: number): Promise<Readonly<Record<string, number>>> {
  const client = await connectClient({ port: weir.ports.web })
  const seen: Record<string, number> = {}
  for (let index = 0; index < count; index++) {
    const { status, body } = await client.get()
    const what = status === 200 ? body : String(status)
    seen[what] = (seen[what] ?? 0) + 1
  }
  client.close()
  return seen
}

t.test('the zone is preferred; a pod of it that fails costs no request, and what is used is shown', async t => {
  const server = await KubeApiServer.start()
  const near = http.createServer((_request, response) => { response.end('near') })
  near.listen(0, '127.0.0.1')
  await once(near, 'listening')
  const [far, farther] = await startOrigins(t, ['far', 'farther'])
  const { port } = near.address() as AddressInfo // not a pipe, so an AddressInfo
  server.createSlice(sliceOf('near', port, 'a'))
  server.createSlice(sliceOf('far', far.port, 'b'))
  server.createSlice(sliceOf('farther', farther.port, 'b'))
  const weir = await started(t, server, {}, ['--kubernetes-zone', 'a'])
  t.same(await answers(weir, 50), { near: 50 })
  const versions = async () => (await weir.api('GET', '/v1/routes/web')).body as {
    readonly versions: readonly [{ readonly source: unknown, readonly endpoints: ReadonlyArray<{ readonly port: number, readonly zone: string, readonly placement: { readonly usedBy: string, readonly detail: string } }> }]
  } // as its schema has it
  const [before] = (await versions()).versions
  t.match(before.source, { near: { by: 'zone', detail: '1 of 3 ready endpoints are meant for zone "a" and preferred' } })
  t.match(before.endpoints.find(endpoint => endpoint.port === port), { zone: 'a', placement: { near: true, usedBy: 'all', detail: 'used: it is meant for this zone' } })
  t.match(before.endpoints.find(endpoint => endpoint.port === far.port), { zone: 'b', placement: { near: false, usedBy: 'none', detail: /carry their share/ } })
  const { body } = await weir.api('GET', '/v1/routes/web/explain?ip=127.0.0.1')
  t.match(body, { endpoint: `127.0.0.1:${port}`, versions: [{ usedEndpoints: 1 }] })
  t.match(JSON.stringify(body), /uses 1 of 3 endpoints; left out: [^"]*in another zone/)
  near.closeAllConnections()
  near.close()
  const failing = await answers(weir, 100)
  t.equal(Object.values(failing).reduce((sum, count) => sum + count, 0) - (failing['far'] ?? 0) - (failing['farther'] ?? 0), 0, JSON.stringify(failing))
  await eventually(async () => (await versions()).versions[0].endpoints.every(({ port: at, placement }) => (placement.usedBy === 'all') === (at !== port)) ? true : undefined)
  t.match((await versions()).versions[0].endpoints.find(endpoint => endpoint.port === far.port)?.placement.detail, /^used although it is not meant for this zone/)
  server.deleteSlice('web-near')
  await weir.untilMetric('weir_endpoints', 2, { condition: 'ready' })
  t.match((await versions()).versions[0].source, { near: { by: 'none', detail: /no ready endpoint is meant for zone "a"/ } })
  t.equal(await weir.stop(), 0)
})

t.test('a zone that is empty, as the downward API gives it without the label, is none', async t => {
  const server = await KubeApiServer.start()
  const [one, two] = await startOrigins(t, ['one', 'two'])
  server.createSlice(sliceOf('one', one.port, 'a'))
  server.createSlice(sliceOf('two', two.port, 'b'))
  const weir = await started(t, server, { zone: '' })
  t.same(Object.keys(await answers(weir, 60)).sort(), ['one', 'two'])
  t.equal(JSON.stringify((await weir.api('GET', '/v1/routes/web')).body).includes('placement'), false)
  t.equal(await weir.stop(), 0)
})
