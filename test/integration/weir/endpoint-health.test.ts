/**
 * The health of endpoints in the whole of Weir: active checks reach all workers, and API, metrics and log say what was found.
 */
import http from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { connectClient } from '../../helpers/keep-alive-client.ts'
import { type PlainConfig, eventually, startWeir, type WeirProcess } from '../../helpers/weir-process.ts'

interface Sick {
  readonly endpoint: string
  readonly port: number
  readonly probes: number
  /** The status of everything, and that of probes. */
  status: number
  probeStatus: number
}

/** An origin that can be told how it is. */
async function sickOrigin (t: Test): Promise<Sick> {
  const state = { endpoint: '', port: 0, probes: 0, status: 200, probeStatus: 200 }
  const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const isProbe = request.url === '/healthz'
    if (isProbe) state.probes++
    response.writeHead(isProbe ? state.probeStatus : state.status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listens on TCP, so an AddressInfo
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return Object.assign(state, { port, endpoint: `127.0.0.1:${port}` })
}

interface ShownEndpoint {
  readonly port: number
  readonly health: { readonly available: string, readonly reasons: ReadonlyArray<Readonly<Record<string, unknown>>> }
}

interface ShownVersion {
  readonly availableEndpoints: number
  readonly panic: string
  readonly endpoints: readonly ShownEndpoint[]
}

/** The only version of the route `hello` as the API shows it. */
async function shown (weir: WeirProcess): Promise<ShownVersion> {
  const { body } = await weir.api('GET', '/v1/routes/hello')
  const [version] = (body as { readonly versions: readonly ShownVersion[] }).versions // what the test is about is checked field by field
  if (version === undefined) throw new Error('there is no version')
  return version
}

async function healthOf (weir: WeirProcess, { port }: Sick): Promise<ShownEndpoint['health'] | undefined> {
  return (await shown(weir)).endpoints.find(endpoint => endpoint.port === port)?.health
}

async function untilAvailable (weir: WeirProcess, origin: Sick, available: string): Promise<ShownEndpoint['health']> {
  return await eventually(async () => {
    const health = await healthOf(weir, origin)
    return health?.available === available ? health : undefined
  })
}

const config = (origins: readonly Sick[], health: PlainConfig): PlainConfig => ({
  workers: 2,
  routes: [{ name: 'hello', retries: { attempts: 1 }, affinity: { by: 'none' }, health, versions: [{ name: 'v1', weight: 1, endpoints: { static: origins.map(({ endpoint }) => endpoint) } }] }]
})

/** The statuses of so many requests, each on a connection of its own, so that all workers get some. */
async function ask (weir: WeirProcess, count: number): Promise<readonly number[]> {
  return await Promise.all(Array.from({ length: count }, async () => {
    const client = await connectClient({ port: weir.ports.web })
    const { status } = await client.get('/')
    client.close()
    return status
  }))
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const ACTIVE = { path: '/healthz', interval: '100ms', timeout: '5s', rise: 2, fall: 2 }

t.test('an endpoint that fails its active check gets nothing from any worker, until it passes again', async t => {
  const [good, sick] = [await sickOrigin(t), await sickOrigin(t)]
  const weir = await startWeir(t, { config: () => config([good, sick], { active: ACTIVE, panicThreshold: 0 }) })
  t.same(await healthOf(weir, sick), { available: 'all', reasons: [] })
  sick.probeStatus = 500
  sick.status = 500
  const health = await untilAvailable(weir, sick, 'none')
  t.match(health.reasons, [{ kind: 'check-failed', workers: 2, since: ISO, detail: 'status 500' }])
  t.ok(Math.abs(Date.parse(String(health.reasons[0]?.['since'])) - Date.now()) < 60_000, 'in the time of the wall')
  t.match(await shown(weir), { availableEndpoints: 1, panic: 'none' })
  t.same(new Set(await ask(weir, 40)), new Set([200]))
  t.match(await weir.untilLogged('an endpoint fails its active check'), { level: 'warn', endpoint: sick.endpoint, route: 'hello', version: 'v1', detail: 'status 500' })
  t.equal(await weir.untilMetric('weir_endpoints_available', 1, { route: 'hello', version: 'v1' }), 1)
  t.match((await weir.api('GET', '/v1/routes')).body, { routes: [{ readyEndpoints: { v1: 1 } }] })
  t.match((await weir.api('GET', '/v1/routes/hello/explain?ip=127.0.0.1')).body, { version: 'v1', endpoint: good.endpoint, outcome: 'attempt', workers: [{ worker: 0 }, { worker: 1 }] })
  for (const result of ['fail', 'pass']) t.ok(await weir.untilMetric('weir_health_checks_total', sum => sum >= 2, { result }) >= 2, result)

  good.probeStatus = 503
  await untilAvailable(weir, good, 'none')
  t.same(new Set(await ask(weir, 10)), new Set([503]), 'without a panic threshold none is left')
  t.match((await weir.api('GET', '/v1/routes/hello/explain?ip=127.0.0.1')).body, { version: null, endpoint: null, outcome: 'no_endpoint', versions: [{ usedEndpoints: 0 }] })
  t.match((await weir.api('GET', '/v1/routes')).body, { routes: [{ readyEndpoints: { v1: 0 } }] })

  for (const origin of [good, sick]) Object.assign(origin, { status: 200, probeStatus: 200 })
  for (const origin of [good, sick]) await untilAvailable(weir, origin, 'all')
  t.same(new Set(await ask(weir, 20)), new Set([200]))
  await weir.untilLogged('an endpoint passes its active check again')

  sick.probeStatus = 500
  await untilAvailable(weir, sick, 'none')
  await weir.replaceConfig({ listeners: [{ name: 'web', address: '127.0.0.1', port: weir.ports.web }], admin: { port: weir.ports.admin }, ...config([good, sick], {}) })
  await untilAvailable(weir, sick, 'all')
  const { probes } = sick
  await ask(weir, 20)
  t.equal(sick.probes, probes, 'without a check nobody probes')
  t.equal(await weir.stop('SIGINT'), 0)
})

t.test('an ejection is shown with its reason and its times, logged and counted, and it ends', async t => {
  const [good, bad, other] = [await sickOrigin(t), await sickOrigin(t), await sickOrigin(t)]
  const weir = await startWeir(t, { config: () => config([good, bad, other], { passive: { consecutiveFailures: 3, baseEjection: '2s' } }) })
  bad.status = 503
  const health = await eventually(async () => {
    await ask(weir, 20)
    const found = await healthOf(weir, bad)
    return found?.available === 'none' && found.reasons.some(({ kind }) => kind === 'ejected') ? found : undefined
  })
  const ejected = health.reasons.find(({ kind }) => kind === 'ejected')
  t.match(ejected, { workers: 2, since: ISO, until: ISO, detail: /status_503/ })
  t.ok(Date.parse(String(ejected?.['until'])) > Date.parse(String(ejected?.['since'])))
  t.match(await weir.untilLogged('an endpoint was ejected'), { level: 'warn', endpoint: bad.endpoint, route: 'hello', version: 'v1' })
  t.ok(await weir.untilMetric('weir_ejections_total', sum => sum >= 2, { version: 'v1' }) >= 2, 'by each worker')
  t.equal(await weir.metric('weir_panic'), 0)
  bad.status = 200
  await untilAvailable(weir, bad, 'all')
  await eventually(async () => {
    t.same(new Set(await ask(weir, 20)), new Set([200]))
    return (await healthOf(weir, bad))?.reasons.length === 0 ? true : undefined
  })
  await weir.untilLogged('an endpoint is back from its ejection')
  t.equal(await weir.stop('SIGINT'), 0)
})
