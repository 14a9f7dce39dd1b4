import t from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import type { ProbeResult } from '../../../src/health/active-check.ts'
import { HealthProber } from '../../../src/control/health-prober.ts'
import type { ProbeTarget } from '../../../src/control/http-probe.ts'
import type { FailedCheck } from '../../../src/contract/messages.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { testPolicy, ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import type { RouteSpec } from '../../../src/contract/route-spec.ts'

type Active = NonNullable<RouteConfig['health']['active']>

const ACTIVE: Active = { path: '/healthz', interval: '5s', timeout: '1s', rise: 2, fall: 3, jitter: 0 }
const PASSED: ProbeResult = { passed: true, detail: 'status 200' }
const FAILED: ProbeResult = { passed: false, detail: 'status 500' }
const START_MS = Date.UTC(2026, 0, 1)

const endpoint = (place: number): Endpoint => ({ address: '10.0.0.1', port: place, ready: true, serving: true, terminating: false })
const routeWith = (active: Active | undefined): RouteConfig => ({
  ...ROUTE_DEFAULTS, name: 'hello', health: { ...ROUTE_DEFAULTS.health, ...(active === undefined ? {} : { active }) }, versions: [{ name: 'v1', weight: 1, endpoints: { static: [] } }]
})

interface Running {
  readonly target: ProbeTarget
  readonly signal: AbortSignal
  end (result: ProbeResult): Promise<void>
}

function setUp (active: Active | null = ACTIVE) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  /** Probes that have been started and not looked at yet. */
  const started: Running[] = []
  const told: Array<readonly FailedCheck[]> = []
  const results: boolean[] = []
  const left: string[] = []
  const known = { endpoints: [endpoint(1)] as readonly Endpoint[] }
  const prober = new HealthProber({
    clock,
    log,
    random: () => 0,
    endpointsOf: () => known.endpoints,
    onChange: (_route, _version, failing) => { told.push(failing) },
    onProbed: (_route, _version, passed) => { results.push(passed) },
    onLeft: (route, version) => { left.push(`${route} ${version}`) },
    probe: (target, signal) => new Promise(resolve => {
      const end = async (result: ProbeResult): Promise<void> => {
        resolve(result)
        await new Promise(setImmediate)
      }
      started.push({ target, signal, end })
      signal.addEventListener('abort', () => { void end({ passed: false, detail: 'aborted' }) })
    })
  })
  const configure = (config: Active | undefined, tls?: RouteSpec['versions'][number]['tls']): void => {
    const spec: RouteSpec = {
      name: 'hello',
      match: {},
      affinity: ROUTE_DEFAULTS.affinity,
      balancing: 'least-request',
      policy: testPolicy(),
      placement: null,
      mirror: null,
      versions: [{ name: 'v1', slot: 0, ...(tls === undefined ? {} : { tls }) }]
    }
    prober.configure([routeWith(config)], [spec])
  }
  configure(active ?? undefined)
  const settle = async (): Promise<void> => { await new Promise(setImmediate) }
  /** Moves the time on and takes the probes that began. */
  const startedAfter = async (ms: number): Promise<readonly Running[]> => {
    clock.advance(ms)
    await settle()
    return started.splice(0)
  }
  /** Lets the next probe of the only endpoint end with this. */
  const next = async (result: ProbeResult): Promise<void> => {
    for (let tries = 0; tries < 60; tries++) {
      const [running] = await startedAfter(100)
      if (running !== undefined) return await running.end(result)
    }
    throw new Error('no probe was started')
  }
  return { clock, log, prober, configure, told, results, left, known, startedAfter, next, settle }
}

t.test('without an active check nothing is probed and no timer runs', async t => {
  const { clock, startedAfter } = setUp(null)
  t.equal(clock.pending, 0)
  t.same(await startedAfter(60_000), [])
})

t.test('an endpoint is probed again an interval after the end of its probe', async t => {
  const { startedAfter, results } = setUp()
  const [first] = await startedAfter(100)
  t.same(first?.target, { address: '10.0.0.1', port: 1, path: '/healthz', host: '10.0.0.1:1' })
  t.same(await startedAfter(900), [], 'one at a time')
  await first?.end(PASSED)
  t.same(await startedAfter(4_900), [])
  t.equal((await startedAfter(200)).length, 1)
  t.same(results, [true])
})

t.test('the first result decides, then `rise` and `fall` do, and only changes are told', async t => {
  const { told, next, log } = setUp()
  await next(FAILED)
  t.same(told, [[{ endpoint: '10.0.0.1:1', sinceWallMs: START_MS + 100, detail: 'status 500' }]])
  t.match(log.lines, [{ level: 'warn', message: 'an endpoint fails its active check', fields: { route: 'hello', version: 'v1', endpoint: '10.0.0.1:1', detail: 'status 500' } }])
  await next(PASSED)
  t.equal(told.length, 1)
  await next(PASSED)
  t.same(told[1], [])
  t.match(log.lines[1], { level: 'info', message: 'an endpoint passes its active check again' })
  for (const result of [FAILED, FAILED, PASSED, FAILED, FAILED]) await next(result)
  t.equal(told.length, 2)
  await next(FAILED)
  t.equal(told.length, 3)
})

t.test('a probe that takes longer than its time is aborted and fails', async t => {
  const { told, startedAfter, settle, clock } = setUp()
  const [probe] = await startedAfter(100)
  clock.advance(999)
  t.equal(probe?.signal.aborted, false)
  clock.advance(1)
  await settle()
  t.equal(probe?.signal.aborted, true)
  t.match(told, [[{ detail: 'no whole answer within 1000 ms' }]])
})

t.test('endpoints that come are probed, those that leave are not, and nothing is said of them', async t => {
  const { known, prober, told, startedAfter, next, results } = setUp()
  await next(FAILED)
  known.endpoints = [endpoint(1), endpoint(2), { ...endpoint(3), ready: false }]
  prober.refresh('hello', 'v1')
  const [probe, none] = await startedAfter(100)
  t.equal(probe?.target.port, 2)
  t.equal(none, undefined, 'one that is not ready is not probed')
  known.endpoints = [endpoint(1)]
  prober.refresh('hello', 'v1')
  t.equal(probe?.signal.aborted, true)
  await startedAfter(0)
  t.same(results, [false], 'an aborted probe is no result')
  known.endpoints = []
  prober.refresh('hello', 'v1')
  t.same(told.at(-1), [], 'what has left does not fail')
  t.same(await startedAfter(60_000), [])
})

t.test('a change of the configuration keeps what is known; without a check all pass', async t => {
  const { configure, told, left, startedAfter, next, clock } = setUp()
  await next(FAILED)
  configure({ ...ACTIVE, path: '/ready', host: 'hello.test', interval: '1s' }, { verify: false })
  t.equal(told.length, 1)
  const [probe] = await startedAfter(1_100)
  t.match(probe?.target, { path: '/ready', host: 'hello.test', tls: { verify: false } })
  configure(undefined)
  t.equal(probe?.signal.aborted, true)
  t.same(told.at(-1), [])
  t.same(left, ['hello v1'])
  await startedAfter(200)
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('so many at a time, the longest overdue first', async t => {
  const { known, prober, startedAfter } = setUp()
  known.endpoints = Array.from({ length: 300 }, (_, index) => endpoint(index + 1))
  prober.refresh('hello', 'v1')
  const first = await startedAfter(100)
  t.equal(first.length, 128)
  await first[0]?.end(PASSED)
  t.same((await startedAfter(100)).map(({ target }) => target.port), [129])
})

t.test('stop ends what is under way and starts nothing more', async t => {
  const { prober, startedAfter, results, configure, clock } = setUp()
  const [probe] = await startedAfter(100)
  await prober.stop()
  t.equal(probe?.signal.aborted, true)
  t.same(results, [])
  configure(ACTIVE)
  t.same(await startedAfter(60_000), [])
  t.equal(clock.pending, 0)
})
