/**
 * When Weir is ready, with an API server (its double) that refuses or is away.
 */
import t from 'tap'
import { type Answer, getOnce } from '../helpers/keep-alive-client.ts'
import { complete, eventually, type WeirProcess } from '../helpers/weir-process.ts'
import { clusterOf, readinessReasons, routeTo } from '../helpers/weir-in-cluster.ts'

/** What is answered there, once it is not 503. */
async function servedAt (weir: WeirProcess, where: string): Promise<Answer | undefined> {
  const answer = await getOnce({ port: weir.ports.web }, where)
  return answer.status === 503 ? undefined : answer
}

t.test('at a fresh start one forbidden namespace keeps the other routes away for a bounded time', async t => {
  const { server, start } = await clusterOf(t)
  server.forbiddenNamespaces.add('lab')
  const weir = await start([routeTo('open', 'web'), routeTo('closed', 'web', { namespace: 'lab' })], { startTimeout: '1s' })
  await weir.untilReadiness(200)
  t.match(await weir.untilLogged('Weir is ready without the endpoints of some versions; their requests get 503 unless another version takes them'), {
    // A busy machine may need longer than that for the first list too.
    level: 'error', waiting: /\bclosed\/v$/
  })
  await server.until(() => server.requests.some(({ path: asked }) => asked.includes('/lab/')))
  const refused = /^version "v" of route "closed": its endpoints could not be read yet: .*403.*does the Role of Weir allow it\?/
  await eventually(async () => refused.test((await readinessReasons(weir))[0] ?? '') ? true : undefined)
  t.match(await eventually(async () => await servedAt(weir, '/open')), { status: 200, body: 'one' })
  t.match(await getOnce({ port: weir.ports.web }, '/closed'), { status: 503, body: /no_endpoint/ })
  t.match((await weir.api('GET', '/v1/routes/closed')).body, { versions: [{ source: { state: 'starting', problem: 'unsynced', detail: /403/ } }] })
  t.equal(await weir.untilMetric('weir_endpoint_source_problem', 1, { route: 'closed', problem: 'unsynced' }), 1)
  t.equal(await weir.untilMetric('weir_endpoint_source_problem', 0, { route: 'open' }), 0)
  server.forbiddenNamespaces.clear()
  t.match(await weir.untilLogged('the watch of EndpointSlices has recovered'), { level: 'info', namespace: 'lab' })
  const empty = /route "closed": no EndpointSlice in namespace "lab" names Service "web"/
  await eventually(async () => empty.test((await readinessReasons(weir))[0] ?? '') ? true : undefined)
  t.equal(await weir.stop(), 0)
})

t.test('a start that may wait for as long as it takes does', async t => {
  const { server, start } = await clusterOf(t)
  server.forbiddenNamespaces.add('lab')
  const weir = await start([routeTo('open', 'web'), routeTo('closed', 'web', { namespace: 'lab' })], { startTimeout: '0s' })
  await server.until(() => server.requests.filter(({ path: asked }) => asked.includes('/lab/')).length >= 5)
  t.equal((await weir.api('GET', '/readyz')).status, 503)
  server.forbiddenNamespaces.clear()
  await weir.untilReadiness(200)
  t.equal(await weir.stop(), 0)
})

t.test('a reload that adds a route whose namespace may not be read leaves Weir ready, and says what is missing', async t => {
  const { server, start, configOf } = await clusterOf(t)
  const weir = await start([routeTo('open', 'web')])
  await weir.untilReadiness(200)
  server.forbiddenNamespaces.add('lab')
  await weir.replaceConfig(complete(configOf([routeTo('open', 'web'), routeTo('new', 'web', { namespace: 'lab' })]), weir.ports))
  await weir.untilLogged('the configuration was reloaded')
  t.match(await weir.untilLogged('the watch of EndpointSlices failed; versions wait for their first endpoints'), { namespace: 'lab', waiting: 'new/v', error: /403/ })
  const { status, body } = await weir.api('GET', '/readyz')
  t.equal(status, 200)
  t.match(body, { ready: true, reasons: [/route "new"/] })
  t.equal(await weir.untilMetric('weir_endpoint_source_problem', 1, { route: 'new', problem: 'unsynced' }), 1)
  t.match(await getOnce({ port: weir.ports.web }, '/open'), { status: 200 })
  t.match(await getOnce({ port: weir.ports.web }, '/new'), { status: 503 })
  t.equal(await weir.stop(), 0)
})

t.test('a reload while the API server is away leaves Weir ready', async t => {
  const { server, start, configOf } = await clusterOf(t)
  const weir = await start([routeTo('open', 'web')])
  await weir.untilReadiness(200)
  await server.kill()
  t.match(await weir.untilLogged('the watch of EndpointSlices failed; the last known endpoints are used meanwhile'), { namespace: '(own)' })
  await weir.replaceConfig(complete(configOf([routeTo('open', 'web'), routeTo('new', 'web', { namespace: 'lab' })]), weir.ports))
  await weir.untilLogged('the configuration was reloaded')
  t.equal((await weir.api('GET', '/readyz')).status, 200)
  t.match(await getOnce({ port: weir.ports.web }, '/open'), { status: 200 })
  await server.startAgain()
  t.match(await weir.untilLogged('the watch of EndpointSlices has recovered'), { failures: Number })
  t.equal(await weir.stop(), 0)
})
