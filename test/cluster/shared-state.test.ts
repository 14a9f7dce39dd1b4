/**
 * Several Weirs that keep their weights in one ConfigMap, against the double of an API server.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { createTrafficConfigMapCodec } from '../../src/rollout/traffic-config-map.ts'
import { EMPTY_TRAFFIC, type RouteTraffic } from '../../src/rollout/traffic-state.ts'
import { applyConfig, changeRoute } from '../../src/rollout/transition.ts'
import { getOnce } from '../helpers/keep-alive-client.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { startOrigins } from '../helpers/origins.ts'
import { eventually, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from '../helpers/weir-process.ts'

const NAME = 'weir-state'
const ROUTE = 'route.hello'

interface RouteBody {
  readonly epoch: number
  readonly weights: Readonly<Record<string, number>>
}

interface RevisionBody {
  readonly revision: number
  readonly epoch: number
  readonly source: string
  readonly actor: string
  readonly reason: string
  readonly after: Readonly<Record<string, number>>
}

interface Replicas {
  readonly server: KubeApiServer
  start (more?: { readonly state?: PlainConfig, readonly route?: string, readonly until?: string }): Promise<WeirProcess>
}

async function clusterFor (t: Test): Promise<Replicas> {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const [origin] = await startOrigins(t, ['one'])
  const kubeconfig = path.join(await temporaryDirectory(t), 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  return {
    server,
    start: async ({ state = {}, route = 'hello', until } = {}) => await startWeir(t, {
      config: () => ({
        workers: 1,
        kubernetes: { kubeconfig },
        state: { store: 'kubernetes', ...state },
        routes: [{
          name: route,
          versions: [
            { name: 'v1', weight: 75, endpoints: { static: [origin.endpoint] } },
            { name: 'v2', weight: 25, endpoints: { static: [origin.endpoint] } }
          ]
        }]
      }),
      ...(until === undefined ? {} : { until })
    })
  }
}

async function routeOf (weir: WeirProcess): Promise<RouteBody> {
  return (await weir.api('GET', '/v1/routes/hello')).body as RouteBody // as its schema has it
}

async function historyOf (weir: WeirProcess): Promise<readonly RevisionBody[]> {
  return ((await weir.api('GET', '/v1/routes/hello/history?limit=100')).body as { readonly revisions: readonly RevisionBody[] }).revisions
}

async function untilWeights (weir: WeirProcess, v1: number, v2: number): Promise<RouteBody> {
  return await eventually(async () => {
    const route = await routeOf(weir)
    return route.weights['v1'] === v1 && route.weights['v2'] === v2 ? route : undefined
  })
}

async function untilState (weir: WeirProcess, state: string): Promise<unknown> {
  return await eventually(async () => {
    const { body } = await weir.api('GET', '/v1/state')
    return (body as { readonly state: string }).state === state ? body : undefined
  })
}

function dataOf (server: KubeApiServer): Readonly<Record<string, string>> {
  return server.configMaps.objects.get('default', NAME)?.data ?? {}
}

function edit (server: KubeApiServer, change: (text: string) => string): void {
  server.configMaps.objects.edit('default', NAME, data => ({ ...data, [ROUTE]: change(data[ROUTE] ?? '') }))
}

// Alone it has the time of a test for itself; in a batch, that of the batch.
if (import.meta.main) t.setTimeout(600_000)

const { server, start } = await clusterFor(t)
const replicas = await Promise.all([start(), start(), start()])
const [one, two] = replicas

t.test('three replicas agree on one history, and no change of any of them is lost', async t => {
  const EACH = 25
  const answers = await Promise.all(replicas.map(async (weir, index) => {
    const statuses: number[] = []
    for (let round = 0; round < EACH; round++) {
      // No two of them ask for the same weights, so each is a change.
      const { status } = await weir.setWeights('hello', { v1: 1 + round, v2: 1_000 * (index + 1) + round })
      statuses.push(status)
    }
    return statuses
  }))
  t.same(answers.flat().filter(status => status !== 200), [])
  const total = 1 + EACH * replicas.length
  const histories = await Promise.all(replicas.map(async weir => await eventually(async () => {
    const history = await historyOf(weir)
    return history[0]?.revision === total ? history : undefined
  })))
  t.strictSame(histories[1], histories[0])
  t.strictSame(histories[2], histories[0])
  t.strictSame(histories[0]?.map(({ revision }) => revision), Array.from({ length: total }, (_, index) => total - index), 'one after the other')
  t.strictSame(histories[0]?.map(({ epoch }) => epoch), Array.from({ length: total }, (_, index) => total - index), 'no epoch twice')
  for (const index of replicas.keys()) {
    const own = histories[0]?.filter(({ after }) => Math.floor((after['v2'] ?? 0) / 1_000) === index + 1)
    t.equal(own?.length, EACH, `all changes of replica ${index}`)
  }
  t.match(dataOf(server), { format: 'weir-traffic/1', epochFloor: '0', [ROUTE]: /^\{"weights": \{"v1": ?\d+,"v2": ?\d+\},\n/ }, 'to be read with kubectl')
})

t.test('with the API server away traffic goes on and changes are refused with the reason; then all catch up', async t => {
  t.equal((await one.setWeights('hello', { v1: 60, v2: 40 })).status, 200)
  await untilWeights(two, 60, 40)

  await server.kill()
  await untilState(two, 'stale')
  const refused = await two.setWeights('hello', { v1: 1, v2: 1 })
  t.match(refused, { status: 503, body: { code: 'store_failed', detail: /the ConfigMap weir-state can't be written: .*ECONNREFUSED/ } })
  t.equal((await getOnce({ port: two.ports.web })).status, 200)
  t.equal(await two.metric('weir_state_store_up', { store: 'kubernetes' }), 0)
  t.match((await routeOf(two)).weights, { v1: 60, v2: 40 }, 'what was refused is not in force')

  await server.startAgain()
  await untilState(two, 'synced')
  t.equal((await two.setWeights('hello', { v1: 50, v2: 50 })).status, 200)
  await untilWeights(one, 50, 50)

  // etcd hangs: requests get no answer, watches are open and silent.
  server.hang()
  const beganMs = performance.now()
  t.match(await one.setWeights('hello', { v1: 2, v2: 1 }), { status: 503, body: { detail: /can't be written: .*did not answer within [0-9]+ ms/ } })
  t.comment(`refused after ${Math.round(performance.now() - beganMs)} ms`)
  t.equal((await getOnce({ port: one.ports.web })).status, 200)
  server.unhang()
  t.equal((await eventually(async () => {
    const answer = await one.setWeights('hello', { v1: 3, v2: 1 })
    return answer.status === 200 ? answer : undefined
  })).status, 200)
  await untilWeights(two, 3, 1)

  await Promise.all(replicas.map(async weir => await untilState(weir, 'synced')))
  server.failNext(['lost'], 'update', 'configmaps')
  t.equal((await one.setWeights('hello', { v1: 4, v2: 1 })).status, 200, 'a write whose answer is lost was made')
  await untilWeights(two, 4, 1)
  t.same((await historyOf(two)).slice(0, 4).map(({ after }) => after['v1']), [4, 3, 50, 60], 'nothing twice, and nothing that was refused')

  server.failNext([403], 'update', 'configmaps')
  t.match(await one.setWeights('hello', { v1: 5, v2: 1 }), { status: 503, body: { code: 'store_failed', detail: /may not write .*is forbidden/ } })
  await untilState(one, 'stale')
  server.failNext([429], 'update', 'configmaps')
  t.equal((await one.setWeights('hello', { v1: 5, v2: 1 })).status, 200, 'it is tried again after a second')
  await untilState(one, 'synced')
  await untilWeights(two, 5, 1)
})

t.test('an edit by hand is a change; one that can\'t be used is refused as a whole and written over', async t => {
  t.equal((await one.setWeights('hello', { v1: 75, v2: 25 })).status, 200)
  await untilWeights(two, 75, 25)
  const known = (await historyOf(one)).length
  // With a CR before each LF, as some editors have it.
  edit(server, text => text.replace(/"v1": ?75/, '"v1": 10').replaceAll('\n', '\r\n'))
  await Promise.all([one, two].map(async weir => await untilWeights(weir, 10, 25)))
  const recorded = await eventually(async () => {
    const histories = await Promise.all([one, two].map(historyOf))
    // One of them stores it, and until the other has that it dates the entry by its own clock.
    return histories.every(history => history.length === known + 1 && JSON.stringify(history) === JSON.stringify(histories[0])) ? histories : undefined
  })
  t.strictSame(recorded[0], recorded[1])
  t.match(recorded[0]?.[0], { revision: known + 1, epoch: known + 1, source: 'kubernetes', actor: 'kubernetes', reason: 'the ConfigMap was edited', after: { v1: 10, v2: 25 } })

  const refusals: ReadonlyArray<readonly [string, (text: string) => string, RegExp]> = [
    ['no JSON', () => 'v1: 5', /route\.hello is not JSON/],
    ['a weight of 1e999', text => text.replace('"v1":10', '"v1":1e999'), /weights\.v1 is not a weight/],
    ['a weight that is too small', text => text.replace('"v1":10', '"v1":1e-9'), /weights\.v1 is 1e-9/],
    ['nobody served', text => text.replace('{"v1":10,"v2":25}', '{"v1":0,"v2":0}'), /are all 0/],
    ['an unknown version', text => text.replace('"v1":10', '"v3":10'), /name different versions/]
  ]
  for (const [name, change, fault] of refusals) {
    const before = await one.metric('weir_state_refused_total', { reason: 'invalid' })
    const from = one.log.length
    edit(server, change)
    t.match(await untilState(one, 'refused'), { detail: fault }, name)
    t.match(await one.untilLogged('the traffic state in Kubernetes can\'t be used; what was in force before stays so', from), { fault })
    t.equal(await one.metric('weir_state_refused_total', { reason: 'invalid' }), before + 1)
    t.match((await routeOf(one)).weights, { v1: 10, v2: 25 }, 'the last good ones stay')
    t.equal((await getOnce({ port: one.ports.web })).status, 200)
    t.equal((await one.setWeights('hello', { v1: 11, v2: 25 })).status, 200)
    await untilState(two, 'synced')
    t.equal((await one.setWeights('hello', { v1: 10, v2: 25 })).status, 200)
    await eventually(async () => (await historyOf(two))[0]?.epoch === (await routeOf(one)).epoch ? true : undefined)
  }

  server.configMaps.objects.edit('default', NAME, data => ({ ...data, 'a-note': 'ours', format: 'weir-traffic/4' }))
  t.match(await untilState(one, 'read-only'), { detail: /format weir-traffic\/4.*update it/ })
  t.match(await one.setWeights('hello', { v1: 1, v2: 1 }), { status: 503, body: { detail: /weir-traffic\/4/ } })
  t.equal(await one.metric('weir_state_refused_total', { reason: 'newer' }), 1)
  server.configMaps.objects.edit('default', NAME, data => ({ ...data, format: 'weir-traffic/1' }))
  await untilState(one, 'synced')
  t.equal((await one.setWeights('hello', { v1: 1, v2: 1 })).status, 200)
  t.equal(dataOf(server)['a-note'], 'ours', 'what is not Weir\'s stays')

  const before = await historyOf(one)
  server.configMaps.objects.delete('default', NAME)
  await eventually(async () => dataOf(server)[ROUTE] === undefined ? undefined : true)
  t.same(await historyOf(one), before)
  t.equal((await two.setWeights('hello', { v1: 7, v2: 1 })).status, 200)
  await untilWeights(one, 7, 1)
})

t.test('a Weir with other routes leaves the state of another one alone, and says whose it is', async t => {
  const other = await start({ route: 'bye', until: 'the stored traffic state is that of another Weir and is left alone' })
  t.match(await other.api('GET', '/v1/state'), { body: { state: 'read-only', detail: /it has the routes hello and none of bye: give each Weir a state\.name of its own/ } })
  t.match(await other.setWeights('bye', { v1: 1, v2: 1 }), { status: 503 })
  t.equal(dataOf(server)['route.bye'], undefined)
  t.equal((await one.setWeights('hello', { v1: 2, v2: 1 })).status, 200)
  t.equal(await other.stop(), 0)
})

t.test('an etcd restored from a backup, with a resourceVersion that goes back, is an edit by hand that all replicas follow', async t => {
  t.equal((await one.setWeights('hello', { v1: 31, v2: 1 })).status, 200)
  const backup = server.objects.revision
  for (let v1 = 41; v1 < 45; v1++) t.equal((await one.setWeights('hello', { v1, v2: 1 })).status, 200)
  const { epoch } = await untilWeights(one, 44, 1)
  await Promise.all(replicas.map(async weir => await untilWeights(weir, 44, 1)))
  await server.kill()
  for (const collection of [server.configMaps, server.leases]) collection.objects.restore(backup)
  server.objects.restore(backup)
  await server.startAgain()
  const after = await Promise.all(replicas.map(async weir => await untilWeights(weir, 31, 1)))
  t.ok(after.every(route => route.epoch > epoch), 'with a new epoch')
  await Promise.all(replicas.map(async weir => await untilState(weir, 'synced')))
  t.match((await historyOf(one)).slice(0, 2), [{ source: 'kubernetes', after: { v1: 31 } }, { source: 'api', after: { v1: 44 } }])
  t.equal((await two.setWeights('hello', { v1: 51, v2: 1 })).status, 200)
  await Promise.all(replicas.map(async weir => await untilWeights(weir, 51, 1)))
})

t.test('replicas end in peace', async t => {
  t.same(await Promise.all(replicas.map(async weir => await weir.stop())), [0, 0, 0])
})

const AT = '2026-01-01T00:00:00.000Z'

/** The route as the configuration makes it. */
function firstSight (): RouteTraffic {
  const route = applyConfig(EMPTY_TRAFFIC, [{ name: 'hello', weights: { v1: 75, v2: 25 } }], AT).routes.get('hello')
  if (route === undefined) throw new Error('no route')
  return route
}

t.test('a start without the API server waits for the stored weights, unless those of the configuration may stand in', async t => {
  const { server, start } = await clusterFor(t)
  const changed = changeRoute(firstSight(), { type: 'weights', weights: { v1: 1, v2: 3 } }, { actor: 'ops', reason: '', source: 'api', at: AT })
  if (!changed.ok) throw new Error(changed.error.message)
  const data = createTrafficConfigMapCodec().encode({ routes: new Map([['hello', changed.route]]), epochFloor: 0 })
  server.configMaps.objects.create('default', { metadata: { name: NAME }, data })
  await server.kill()
  const [waiting, standing] = await Promise.all([
    start({ until: 'weir waits for the stored weights before it takes clients; state.onUnavailable: config would not' }),
    start({ state: { onUnavailable: 'config' } })
  ])
  t.match(waiting.log.find(({ message }) => message.startsWith('weir waits for the stored'))?.['reason'], /ECONNREFUSED/, 'a start that reads them at once does not say it')
  t.match(await waiting.api('GET', '/readyz'), { status: 503, body: { reasons: ['the stored weights have not been read yet: /v1/state says why', 'the listeners are not open'] } })
  t.equal((await waiting.api('GET', '/healthz')).status, 200)
  await t.rejects(getOnce({ port: waiting.ports.web }))
  t.match(await waiting.setWeights('hello', { v1: 9, v2: 9 }), { status: 503, body: { code: 'store_failed', detail: /not known yet/ } })
  t.equal((await standing.api('GET', '/readyz')).status, 200)
  t.match((await routeOf(standing)).weights, { v1: 75, v2: 25 })
  t.equal((await getOnce({ port: standing.ports.web })).status, 200)

  await server.startAgain()
  await waiting.untilReadiness(200)
  t.equal((await getOnce({ port: waiting.ports.web })).status, 200)
  await Promise.all([waiting, standing].map(async weir => await untilWeights(weir, 1, 3)))
  t.equal(await waiting.stop(), 0)
  t.equal(await standing.stop(), 0)

  // The only copy of the weights, broken by hand: a start leaves it alone, and goes on when it is right again.
  const right = dataOf(server)[ROUTE] ?? ''
  edit(server, () => right.slice(5))
  const careful = await start({ until: 'the traffic state in Kubernetes can\'t be used; what was in force before stays so' })
  t.match(await untilState(careful, 'refused'), { detail: /route\.hello is not JSON/ })
  t.equal((await careful.api('GET', '/readyz')).status, 503)
  t.equal(dataOf(server)[ROUTE], right.slice(5))
  edit(server, () => right)
  await careful.untilReadiness(200)
  t.match((await routeOf(careful)).weights, { v1: 1, v2: 3 })
  t.equal(await careful.stop(), 0)

  server.forbidden = true
  const weir = await start({ until: 'weir waits for the stored weights before it takes clients; state.onUnavailable: config would not' })
  await eventually(async () => JSON.stringify((await weir.api('GET', '/v1/state')).body).includes('forbidden') ? true : undefined)
  t.equal(await weir.stop(), 0, 'a start that still waits can be stopped')
})
