import t from 'tap'
import { PROXY_ERROR_INDEX } from '../../../src/core/proxy-error.ts'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { ControlMetrics } from '../../../src/telemetry/control-metrics.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { emptyShadowTally } from '../../../src/contract/shadow-report.ts'
import { LATENCY_BOUNDS_S, ROUTE_ITSELF, SLOT, WORKER, slotView } from '../../../src/telemetry/counter-layout.ts'
import { METRIC_NAMES, METRICS, metricRow } from '../../../src/telemetry/metric-catalogue.ts'
import { ObservedShares } from '../../../src/telemetry/observed-share.ts'
import { PromCollector, type ScrapeSources } from '../../../src/telemetry/prom-collector.ts'
import { labelText } from '../../../src/telemetry/exposition.ts'
import { expositionOf, parseExposition, type Family } from '../../helpers/exposition-parser.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const endpoint = (conditions: Partial<Endpoint>): Endpoint => ({ address: '10.0.0.1', port: 80, ready: true, serving: true, terminating: false, ...conditions })

function sources (clock = new FakeClock()): ScrapeSources & { clock: FakeClock } {
  return {
    clock,
    book: new CounterBook(clock),
    shares: new ObservedShares(clock),
    control: new ControlMetrics(clock, { version: '0.1.0', node: 'v26.0.0' }),
    routes: () => [{
      name: 'hello',
      epoch: 7,
      lists: new Map([['beta', 3]]),
      rollout: { phase: 'Progressing', step: 1, share: 0.25, evidence: { errors: 3.5, sentinel: 0.5 }, verdict: 'undecided', pending: true },
      shadow: [{ to: 'canary', counts: { ...emptyShadowTally(LATENCY_BOUNDS_S.length + 1), drawn: 3, sent: 2, same: 1 } }],
      versions: [
        { name: 'stable', weight: 3, endpoints: [endpoint({}), endpoint({ ready: false, terminating: true })], available: 1, panicWorkers: 2 },
        { name: 'canary', weight: 1, endpoints: [], available: 0, panicWorkers: 0, problem: 'no-port', sourceAgeMs: 61_500 }
      ]
    }],
    workers: () => [{ id: 0, appliedEpoch: () => 6 }, { id: 1, appliedEpoch: () => undefined }],
    controlLoop: () => ({ lagS: 0.001, maxLagS: 0.25, utilization: 0.5 }),
    writerDropped: () => 11
  }
}

async function scrape (from: ScrapeSources): Promise<ReadonlyMap<string, Family>> {
  return parseExposition(await expositionOf(new PromCollector(from)))
}

/** `{label="value"}` → value, for one family. */
function values (families: ReadonlyMap<string, Family>, name: string): Readonly<Record<string, number>> {
  return Object.fromEntries((families.get(name)?.samples ?? []).map(sample => [labelText(sample.labels), sample.value]))
}

t.test('what is exposed is the catalogue: names, types, help and labels', async t => {
  const from = sources()
  const { book, clock, control, shares } = from
  const slot = book.slotFor('hello', 'stable')
  book.slotFor('hello', ROUTE_ITSELF)
  const page = new Float64Array(book.addWorker(0).page)
  await shares.sample(book.requestCounts())
  const view = slotView(book.segmentsOf(0), slot)
  view[SLOT.errors] = 1
  view[SLOT.requestsByClass] = 1
  page[WORKER.unroutedErrors] = 1
  clock.advance(5_000)
  await shares.sample(book.requestCounts())
  control.configReloaded('success')
  control.stateStore('file', true)
  control.leaseHeld(true)
  control.replicas({ states: { ready: 1, 'not-ready': 0, silent: 1 }, lags: new Map([['weir-0', 0], ['weir-1', 2]]) })
  control.certificateExpires('web', '/etc/weir/tls/tls.crt', Date.UTC(2126, 0, 1))
  control.watchRestarted('default', 'gone')
  control.workerRestarted()
  control.endpointProbed('hello', 'stable', true)
  control.webhooks([{ name: 'chat', queued: 1, delivered: 2, refused: 0, expired: 0, dropped: 3, retried: 4, lastSuccessMs: Date.UTC(2026, 0, 1) }])

  const families = await scrape(from)
  t.strictSame([...families.keys()].sort(), METRIC_NAMES.toSorted())
  for (const name of METRIC_NAMES) {
    const { type, help, labels } = metricRow(name)
    const family = families.get(name)
    t.equal(family?.type, type, name)
    t.equal(family?.help, help, name)
    if (process.platform === 'linux') t.ok((family?.samples.length ?? 0) > 0, `${name} has a sample`)
    for (const sample of family?.samples ?? []) {
      t.strictSame(Object.keys(sample.labels).filter(label => label !== 'le').sort(), labels.toSorted(), name)
    }
  }
})

t.test('the checks of a version that is not checked any more leave no series', async t => {
  const from = sources()
  for (const version of ['stable', 'canary']) {
    from.control.endpointProbed('hello', version, true)
    from.control.endpointProbed('hello', version, false)
  }
  from.control.forgetProbes('hello', 'canary')
  const samples = (await scrape(from)).get('weir_health_checks_total')?.samples ?? []
  t.strictSame(samples.map(({ labels }) => [labels['version'], labels['result']]), [['stable', 'pass'], ['stable', 'fail']])
})

t.test('a webhook that is not configured any more leaves no series, and one that has taken nothing has no time', async t => {
  const from = sources()
  const gauges = { queued: 0, delivered: 0, refused: 0, expired: 0, dropped: 0, retried: 0 }
  from.control.webhooks([{ ...gauges, name: 'one', lastSuccessMs: 1_500 }, { ...gauges, name: 'two', delivered: 7, lastSuccessMs: 2_500 }])
  from.control.webhooks([{ ...gauges, name: 'two', delivered: 8, lastSuccessMs: undefined }])
  const families = await scrape(from)
  t.strictSame(values(families, 'weir_webhook_events_total'), {
    'webhook="two",outcome="delivered"': 8, 'webhook="two",outcome="dropped"': 0, 'webhook="two",outcome="expired"': 0, 'webhook="two",outcome="refused"': 0
  })
  t.strictSame(values(families, 'weir_webhook_queued_events'), { 'webhook="two"': 0 })
  t.strictSame(values(families, 'weir_webhook_last_success_timestamp_seconds'), {})
})

t.test('names follow the conventions of Prometheus', t => {
  for (const name of METRIC_NAMES) {
    const { type, help } = METRICS[name]
    t.match(name, /^(weir|process|nodejs)_[a-z_]+$/)
    t.equal(name.endsWith('_total'), type === 'counter', name)
    t.notMatch(name, /_(ms|milliseconds|kb|percent|percentage)(_|$)/, name)
    t.match(help, /^[A-Z0-9].*\.$/, `${name}: a sentence`)
  }
  t.end()
})

t.test('counters of a version are sums over workers', async t => {
  const from = sources()
  const slot = from.book.slotFor('hello', 'stable')
  for (const id of [0, 1]) {
    from.book.addWorker(id)
    const view = slotView(from.book.segmentsOf(id), slot)
    view[SLOT.requestsByClass + 1] = 5
    view[SLOT.requestsByClass + 4] = 1
    view[SLOT.inFlight] = 2
    view[SLOT.requestBodyBytes] = 2 ** 40
    view[SLOT.latencyBuckets] = 4
    view[SLOT.latencyBuckets + 2] = 1
    view[SLOT.latencyBuckets + 15] = 1
    view[SLOT.latencySumS] = 40.5
    view[SLOT.errors + PROXY_ERROR_INDEX.upstream_reset] = 1
  }
  const families = await scrape(from)
  const stable = 'route="hello",version="stable"'
  t.match(values(families, 'weir_requests_total'), { [`${stable},code_class="2xx"`]: 10, [`${stable},code_class="5xx"`]: 2, 'route="hello",version="canary",code_class="2xx"': 0 })
  t.equal(values(families, 'weir_requests_in_flight')[stable], 4)
  t.equal(values(families, 'weir_request_body_bytes_total')[stable], 2 ** 41)
  t.strictSame(values(families, 'weir_request_errors_total'), { [`${stable},code="upstream_reset",source="upstream"`]: 2 })
  const latency = values(families, 'weir_request_duration_seconds')
  t.equal(latency[`${stable},le="0.0005"`], 8)
  t.equal(latency[`${stable},le="0.001"`], 8)
  t.equal(latency[`${stable},le="0.0025"`], 10)
  t.equal(latency[`${stable},le="30"`], 10)
  t.equal(latency[`${stable},le="+Inf"`], 12)
  const samples = families.get('weir_request_duration_seconds')?.samples ?? []
  t.equal(samples.find(({ name, labels }) => name.endsWith('_sum') && labels['version'] === 'stable')?.value, 81)
})

t.test('routes show weights, endpoints and epochs', async t => {
  const families = await scrape(sources())
  const stable = 'route="hello",version="stable"'
  const canary = 'route="hello",version="canary"'
  t.strictSame(values(families, 'weir_target_weight'), { [stable]: 0.75, [canary]: 0.25 })
  t.strictSame(values(families, 'weir_endpoints'), {
    [`${stable},condition="ready"`]: 1,
    [`${stable},condition="serving"`]: 2,
    [`${stable},condition="terminating"`]: 1,
    [`${stable},condition="total"`]: 2,
    [`${canary},condition="ready"`]: 0,
    [`${canary},condition="serving"`]: 0,
    [`${canary},condition="terminating"`]: 0,
    [`${canary},condition="total"`]: 0
  })
  t.strictSame(values(families, 'weir_endpoints_available'), { [stable]: 1, [canary]: 0 })
  t.strictSame(values(families, 'weir_panic'), { [stable]: 2, [canary]: 0 })
  t.strictSame(values(families, 'weir_route_epoch'), { 'route="hello"': 7 })
  t.strictSame(values(families, 'weir_epoch_applied'), { 'route="hello",worker="0"': 6 }, 'a worker that reported nothing is left out')
})

t.test('weights that are all 0 are shares of 0, not NaN', async t => {
  const from = { ...sources(), routes: () => [{ name: 'r', epoch: 1, versions: [{ name: 'v', weight: 0, endpoints: [], available: 0, panicWorkers: 0 }] }] }
  t.strictSame(values(await scrape(from), 'weir_target_weight'), { 'route="r",version="v"': 0 })
})

t.test('workers, threads and dropped lines', async t => {
  const from = sources()
  const page = new Float64Array(from.book.addWorker(3).page)
  page[WORKER.connectionsOpen] = 9
  page[WORKER.accessLogDropped] = 2
  page[WORKER.loopLagS] = 0.125
  page[WORKER.unroutedByClass + 3] = 4
  page[WORKER.unroutedErrors + PROXY_ERROR_INDEX.no_route] = 4
  const families = await scrape(from)
  t.strictSame(values(families, 'weir_connections_open'), { 'worker="3"': 9 })
  t.strictSame(values(families, 'weir_access_log_dropped_total'), { 'stage="worker"': 2, 'stage="writer"': 11 })
  t.strictSame(values(families, 'weir_event_loop_lag_seconds'), { 'thread="control"': 0.001, 'thread="worker-3"': 0.125 })
  t.equal(values(families, 'weir_unrouted_requests_total')['code_class="4xx"'], 4)
  t.strictSame(values(families, 'weir_unrouted_errors_total'), { 'code="no_route",source="weir"': 4 })
  t.strictSame(values(families, 'weir_workers'), { '': 1 })
})

t.test('events of the control plane', async t => {
  const from = sources()
  from.control.configLoaded()
  from.clock.advance(60_000)
  from.control.configReloaded('failure')
  from.control.watchRestarted('default', 'gone')
  from.control.watchRestarted('default', 'https://10.0.0.1/ said "no"')
  const families = await scrape(from)
  t.strictSame(values(families, 'weir_config_reloads_total'), { 'result="success"': 0, 'result="failure"': 1 })
  t.strictSame(values(families, 'weir_config_last_reload_successful'), { '': 0 })
  t.strictSame(values(families, 'weir_config_last_reload_success_timestamp_seconds'), { '': Date.UTC(2026, 0, 1) / 1000 })
  t.strictSame(values(families, 'weir_watch_restarts_total'), { 'namespace="default",reason="gone"': 1, 'namespace="default",reason="other"': 1 }, 'free text cannot make series without bound')
  t.strictSame(values(families, 'weir_build_info'), { 'version="0.1.0",node="v26.0.0",io="unknown"': 1 })
})

t.test('how connections are read and written is one series, that of the latest decision', async t => {
  const from = sources()
  from.control.ioDecided('direct')
  from.control.ioDecided('events')
  t.strictSame(values(await scrape(from), 'weir_build_info'), { 'version="0.1.0",node="v26.0.0",io="events"': 1 })
})

t.test('label values are escaped so that they read back', async t => {
  const name = 'a"b\\c\nd,e="f"} 1 é\u{1f600}'
  const from = { ...sources(), routes: () => [{ name, epoch: 1, versions: [{ name: 'v', weight: 1, endpoints: [], available: 0, panicWorkers: 0 }] }] }
  const families = await scrape(from)
  t.equal(families.get('weir_route_epoch')?.samples[0]?.labels['route'], name)
})

t.test('process metrics are plausible and do not add up over scrapes', { skip: process.platform !== 'linux' }, async t => {
  const collector = new PromCollector(sources())
  await expositionOf(collector)
  const families = parseExposition(await expositionOf(collector))
  const value = (name: string): number => families.get(name)?.samples[0]?.value ?? NaN
  const { user, system } = process.cpuUsage()
  t.ok(value('process_cpu_seconds_total') > 0 && value('process_cpu_seconds_total') <= (user + system) / 1e6)
  t.ok(value('process_resident_memory_bytes') > 10e6)
  t.ok(value('process_open_fds') > 2 && value('process_open_fds') < value('process_max_fds'))
  t.ok(Math.abs(value('process_start_time_seconds') + process.uptime() - Date.now() / 1000) < 60)
})

t.test('1,000 routes with 3 versions are scraped whole, in bounded chunks', async t => {
  const names = Array.from({ length: 1000 }, (_, index) => `route-${index}`)
  const versions = ['stable', 'canary', 'next']
  const routes = names.map((name, epoch) => ({
    name,
    epoch,
    versions: versions.map(version => ({
      name: version, weight: 1, endpoints: [endpoint({}), endpoint({})], available: 2, panicWorkers: 0
    }))
  }))
  const from = { ...sources(), clock: systemClock, routes: () => routes }
  from.book.retain(names.flatMap(route => versions.map(version => ({ route, version }))))
  from.book.addWorker(0)
  for (const route of names) {
    for (const version of versions) {
      const view = slotView(from.book.segmentsOf(0), from.book.slotFor(route, version))
      view.fill(123.25, 0, SLOT.errors)
      view[SLOT.errors + PROXY_ERROR_INDEX.client_gone] = 4
    }
  }
  const collector = new PromCollector(from)
  // The clock's timers do not keep a process alive; a server's socket would.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => { clearInterval(alive) })
  await expositionOf(collector)
  const chunks: string[] = []
  const before = process.cpuUsage()
  for await (const chunk of collector.chunks()) chunks.push(chunk)
  const { user, system } = process.cpuUsage(before)
  const text = chunks.join('')
  t.equal(text.match(/^weir_requests_total\{/gm)?.length, 3000 * 5)
  t.equal(text.match(/^weir_request_duration_seconds_bucket\{/gm)?.length, 3000 * 16)
  t.equal(text.match(/^weir_request_errors_total\{/gm)?.length, 3000, 'codes that have not occurred take no room')
  t.ok(chunks.every(chunk => chunk.length < 256 * 1024 && chunk.endsWith('\n')), `${chunks.length} chunks of whole lines`)
  t.comment(`${Math.round((user + system) / 1000)} ms of CPU, ${text.length} characters`)
})

t.test('the event loop has its turns while thousands of routes are rendered', async t => {
  const clock = new FakeClock()
  let looked = 0
  // Each look at a route takes a millisecond here, so that no machine is too fast or too slow for this.
  const routes = function * () {
    for (let index = 0; index < 5_000; index++) {
      clock.advance(1)
      looked++
      yield { name: `route-${index}`, epoch: 1, versions: [] }
    }
  }
  let turns = 0
  let longest = 0
  let before = 0
  let over = false
  const count = (): void => {
    turns++
    longest = Math.max(longest, looked - before)
    before = looked
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  const text = await expositionOf(new PromCollector({ ...sources(clock), routes }))
  over = true
  t.equal(text.match(/^weir_route_epoch\{/gm)?.length, 5_000)
  t.ok(turns >= 1_000, `${turns} turns`)
  t.ok(longest <= 5, `${longest} ms without one`)
})
