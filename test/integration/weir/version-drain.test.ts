/**
 * Is it safe to scale a version down? Asked of a whole Weir with a request and a tunnel under way.
 */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { connectClient } from '../../helpers/keep-alive-client.ts'
import { KubeApiServer } from '../../helpers/kube-api-server.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { eventually, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from '../../helpers/weir-process.ts'

const DRAIN = '/v1/routes/hello/versions/canary/drain'
const [stable] = await startOrigins(t, ['stable'])

interface CanaryOrigin {
  readonly port: number
  /** Requests without an answer. */
  readonly waiting: http.ServerResponse[]
  /** The endpoint's side of the tunnels. */
  readonly tunnels: Duplex[]
}

/** An origin that leaves answering to the test, and makes every upgrade a tunnel. */
async function startCanary (t: Test): Promise<CanaryOrigin> {
  const waiting: http.ServerResponse[] = []
  const tunnels: Duplex[] = []
  const server = http.createServer((_, response) => { waiting.push(response) })
  server.on('upgrade', (_, socket) => {
    tunnels.push(socket.on('error', () => {}).resume())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const tunnel of tunnels) tunnel.destroy()
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, waiting, tunnels }
}

async function openTunnel (t: Test, port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {})
  t.teardown(() => { socket.destroy() })
  socket.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await once(socket, 'data')
  return socket.resume()
}

function routesWith (endpoints: PlainConfig): PlainConfig {
  return {
    routes: [{
      name: 'hello',
      versions: [
        { name: 'stable', weight: 0, endpoints: { static: [stable.endpoint] } },
        { name: 'canary', weight: 1, endpoints }
      ]
    }]
  }
}

async function drainOf (weir: WeirProcess, query = ''): Promise<unknown> {
  return (await weir.api('GET', DRAIN + query)).body
}

/** Resolves when it shows these counts: a worker counts what has begun or ended a moment after the client knows of it. */
async function untilDrain (weir: WeirProcess, counts: Readonly<Record<string, number>>): Promise<void> {
  await eventually(async () => {
    const drain = Object(await drainOf(weir))
    return Object.entries(counts).every(([name, count]) => Reflect.get(drain, name) === count) ? true : undefined
  })
}

t.test('a version is safe when all workers know that it has no weight, and its requests and tunnels are over', async t => {
  const canary = await startCanary(t)
  const weir = await startWeir(t, { config: () => ({ workers: 2, ...routesWith({ static: [`127.0.0.1:${canary.port}`] }) }) })
  const client = await connectClient({ port: weir.ports.web })
  const { whole } = client.begin('/')
  const tunnel = await openTunnel(t, weir.ports.web)
  await eventually(async () => canary.waiting.length === 1 && canary.tunnels.length === 1 ? true : undefined)
  await untilDrain(weir, { inFlight: 1, tunnels: 1 })
  t.match(await drainOf(weir), { weight: 1, inFlight: 1, tunnels: 1, held: 0, workers: { running: 2, applied: 2 }, safe: false })

  await weir.setWeights('hello', { stable: 1, canary: 0 })
  t.match(await drainOf(weir, '?wait=true&timeout=50ms'), { weight: 0, safe: false, why: ['1 request is in flight', '1 tunnel is open'] })
  const drained = drainOf(weir, '?wait=true')
  canary.waiting[0]?.end('done')
  t.match(await whole, { status: 200, body: 'done' })
  await untilDrain(weir, { inFlight: 0 })
  t.match(await drainOf(weir, '?wait=true&timeout=50ms'), { inFlight: 0, safe: false, why: ['1 tunnel is open'] })
  tunnel.end()
  canary.tunnels[0]?.end()
  t.match(await drained, { weight: 0, inFlight: 0, tunnels: 0, safe: true, why: [] })
  t.match((await weir.api('GET', '/v1/routes/hello/versions/stable/drain')).body, { weight: 1, safe: false })
  t.equal(await weir.stop(), 0)
})

t.test('an endpoint of a Service that turns terminating: its request is finished, its tunnel ends after drain.tunnels', async t => {
  const canary = await startCanary(t)
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const slice = (ready: boolean) => ({
    name: 'canary-a',
    service: 'canary',
    ports: [{ name: 'http', protocol: 'TCP', port: canary.port }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready, serving: false, terminating: !ready } }]
  })
  server.createSlice(slice(true))
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const weir = await startWeir(t, {
    config: () => ({
      workers: 1,
      kubernetes: { kubeconfig, namespace: 'default', allowAddresses: ['127.0.0.0/8'] },
      drain: { tunnels: '300ms' },
      ...routesWith({ service: 'canary', port: 'http' })
    })
  })
  await weir.untilReadiness(200)
  const client = await connectClient({ port: weir.ports.web })
  const { whole } = client.begin('/')
  const tunnel = await openTunnel(t, weir.ports.web)
  await eventually(async () => canary.waiting.length === 1 ? true : undefined)
  await weir.setWeights('hello', { stable: 1, canary: 0 })

  const ended = once(tunnel, 'end')
  server.patchSlice(slice(false))
  await eventually(async () => JSON.stringify(await drainOf(weir)).includes('"terminating":true') ? true : undefined)
  await ended
  await untilDrain(weir, { tunnels: 0 })
  t.match(await drainOf(weir), { inFlight: 1, tunnels: 0, safe: false }, 'the request goes on')
  canary.waiting[0]?.end('finished')
  t.match(await whole, { status: 200, body: 'finished' })
  t.match(await drainOf(weir, '?wait=true'), { safe: true })
  t.equal(await weir.untilMetric('weir_request_errors_total', 1, { code: 'tunnel_drained' }), 1)
  t.equal(await weir.stop(), 0)
})
