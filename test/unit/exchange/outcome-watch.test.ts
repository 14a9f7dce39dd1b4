import { serialize } from 'node:v8'
import t from 'tap'
import type { EvidenceReport, RouteWatch } from '../../../src/contract/rollout-watch.ts'
import { hashString } from '../../../src/core/hash.ts'
import { PROXY_ERROR_CODES, proxyErrorRow, type ProxyErrorCode } from '../../../src/core/proxy-error.ts'
import { OutcomeWatch } from '../../../src/exchange/outcome-watch.ts'
import type { CopyOutcome } from '../../../src/shadow/shadow-port.ts'
import { RequestFacts } from '../../../src/exchange/request-facts.ts'
import { VersionRuntime } from '../../../src/exchange/route-runtime.ts'
import { Split } from '../../../src/routing/split.ts'
import { keyHashText } from '../../../src/routing/sticky-key.ts'
import { EvidenceSum, testWatch } from '../../helpers/evidence-sum.ts'
import { MemoryPeers } from '../../helpers/memory-peers.ts'

const VERSIONS: ReadonlyMap<string, VersionRuntime> = new Map(
  [...new MemoryPeers().context.routes.values()].flatMap(({ versions }) => versions).flatMap(({ pool, counters }) =>
    ['stable', 'canary', 'other'].map((name, index) => [name, new VersionRuntime(name, index, pool, counters)]))
)

interface Asked {
  readonly endpoint?: string
  readonly version?: string
  readonly client?: string
  readonly status?: number
  readonly error?: ProxyErrorCode
  readonly epoch?: number
  readonly firstByteMs?: number
  readonly kind?: RequestFacts['stickyKind']
  readonly placement?: RequestFacts['placement']
}

/** A watch, and requests that one exchange has one after the other. */
class Watched {
  readonly watch: OutcomeWatch
  readonly sum = new EvidenceSum()
  /** How often it was said that the new version has failed. */
  failuresTold = 0
  readonly #facts = new RequestFacts()
  #number = 10

  constructor (changes: Partial<RouteWatch> = {}, lastBefore = 10) {
    this.watch = new OutcomeWatch(testWatch(changes), lastBefore, () => { this.failuresTold++ })
  }

  /** A request that is over. */
  add ({ version = 'canary', endpoint = `${version}:80`, client = 'one', status = 200, error, epoch = 1, firstByteMs = 1, kind = 'header', placement = '' }: Asked = {}): void {
    const facts = this.#facts
    facts.begin(++this.#number, 'HTTP/1.1', 0, 0)
    facts.version = VERSIONS.get(version) ?? null
    facts.endpoint = endpoint
    facts.keyHash = hashString(client)
    facts.clientIp = '192.0.2.7'
    facts.stickyKind = kind
    facts.epoch = epoch
    facts.firstByteMs = firstByteMs
    facts.status = status
    if (placement !== '') facts.notePlaced(placement, version)
    if (error !== undefined) facts.fail(error, '', proxyErrorRow(error).status)
    this.watch.add(facts)
  }

  take (): EvidenceReport | null {
    const report = this.watch.take()
    if (report !== null) this.sum.add(report)
    return report
  }
}

/** Every error has to be decided: does it count as the version's failure, or for nothing? */
const COUNTS_AS: Readonly<Record<ProxyErrorCode, 'failure' | 'nothing'>> = {
  malformed_request: 'nothing',
  malformed_body: 'nothing',
  client_denied: 'nothing',
  no_route: 'nothing',
  method_not_supported: 'nothing',
  request_timeout: 'nothing',
  body_too_slow: 'nothing',
  body_too_large: 'nothing',
  uri_too_long: 'nothing',
  expectation_failed: 'nothing',
  rate_limited: 'nothing',
  head_too_large: 'nothing',
  client_gone: 'nothing',
  internal_error: 'nothing',
  transfer_coding_not_supported: 'nothing',
  upstream_connect_failed: 'failure',
  upstream_tls_failed: 'failure',
  upstream_reset: 'failure',
  upstream_malformed: 'failure',
  upstream_truncated: 'failure',
  no_endpoint: 'nothing',
  circuit_open: 'nothing',
  hold_full: 'nothing',
  hold_timeout: 'nothing',
  overloaded: 'nothing',
  memory_exhausted: 'nothing',
  connections_exhausted: 'nothing',
  shutting_down: 'nothing',
  upstream_connect_timeout: 'failure',
  upstream_timeout: 'failure',
  tunnel_drained: 'nothing',
  tunnel_idle: 'nothing',
  upstream_idle_timeout: 'failure',
  version_not_supported: 'nothing',
  loop_detected: 'nothing'
}

t.test('each failure of the new version is said at once, and nothing else', async t => {
  const watched = new Watched()
  watched.add({})
  watched.add({ version: 'stable', status: 500 })
  watched.add({ error: 'client_gone' })
  t.equal(watched.failuresTold, 0)
  watched.add({ status: 500 })
  watched.add({ error: 'upstream_reset' })
  t.equal(watched.failuresTold, 2)
})

t.test('what the match of the rollout brings is told apart, and nothing else that was placed', async t => {
  const watched = new Watched()
  watched.add({ placement: 'match', status: 500 })
  t.same(Object.keys(watched.take() ?? {}).sort(), ['clients', 'cohorts', 'dropped', 'heavy', 'signs'], 'the configuration\'s match is not the rollout\'s')
  watched.watch.configure(testWatch({ hasMatch: true }))
  for (const placement of ['override', 'list', 'never'] as const) watched.add({ placement, status: 500 })
  watched.add({ placement: 'match', version: 'stable', status: 500 })
  watched.add({ placement: 'match' })
  watched.add({ placement: 'match', client: 'two', status: 500 })
  watched.add({ placement: 'match', client: 'two', error: 'upstream_reset' })
  t.equal(watched.failuresTold, 2)
  t.match(watched.take(), {
    cohorts: [], signs: [], matched: { requests: 3, failures: 2, rescued: 0 }, heavy: [{ key: keyHashText(hashString('two')), failures: 2 }]
  })
  t.equal(watched.take(), null)
})

t.test('what goes wrong on the new version is told by endpoint, of a few endpoints, and only what has come since', async t => {
  const watched = new Watched({ slowerThanMs: 100, hasMatch: true })
  watched.add({ endpoint: 'a:80' })
  watched.add({ endpoint: 'a:80', status: 500 })
  watched.add({ endpoint: 'a:80', status: 500, client: 'two' })
  watched.add({ endpoint: 'a:80', firstByteMs: 101 })
  watched.add({ endpoint: 'b:80', error: 'upstream_reset' })
  watched.add({ version: 'stable', status: 500 })
  watched.add({ endpoint: 'c:80', status: 500, placement: 'match' })
  watched.add({ endpoint: 'c:80', placement: 'match' })
  const report = watched.take()
  const [cohort] = report?.cohorts ?? []
  t.match(cohort, { from: { requests: 1, failures: 1 }, to: { requests: 5, failures: 3, slow: 1 } })
  t.same([...cohort?.toByEndpoint ?? []].map(([name, { requests, failures, slow }]) => [name, requests, failures, slow]), [['a:80', 3, 2, 1], ['b:80', 1, 1, 0]])
  t.match([...report?.matchedByEndpoint ?? []], [['c:80', { requests: 1, failures: 1 }]])
  watched.add({})
  t.same(watched.take()?.cohorts[0]?.toByEndpoint, undefined)
  for (let endpoint = 0; endpoint < 100; endpoint++) watched.add({ endpoint: `${endpoint}:80`, status: 500 })
  watched.add({ endpoint: '3:80', status: 500 })
  const many = watched.take()?.cohorts[0]
  t.match(many, { to: { failures: 101 } })
  t.equal(many?.toByEndpoint?.size, 8)
  t.equal(many?.toByEndpoint?.get('3:80')?.failures, 2)
})

t.test('when an endpoint is blamed each client speaks once more', async t => {
  const watched = new Watched({ slowerThanMs: 100 })
  const fail = (): number => {
    for (const client of ['one', 'two']) {
      watched.add({ client, status: 500 })
      watched.add({ client, firstByteMs: 101 })
    }
    return watched.take()?.signs.length ?? NaN
  }
  t.same([fail(), fail()], [4, 0])
  const again = ['a:80', 'a:80', 'b:80'].map(blamed => {
    watched.watch.configure(testWatch({ slowerThanMs: 100, blamed }))
    return fail()
  })
  t.same(again, [4, 0, 4])
})

t.test('copies are counted beside the answers to the same requests, for neither version\'s users', async t => {
  const watched = new Watched({ failureStatuses: [[429, 429]], slowerThanMs: 100 })
  const answer = (status: number, firstByteMs = 1) => ({ status, firstByteMs })
  const copy = (real: ReturnType<typeof answer>, copied: ReturnType<typeof answer> | null, changes: Partial<CopyOutcome> = {}): void => {
    watched.watch.addCopy({ requestNumber: 11, realVersion: 'stable', copyVersion: 'canary', endpoint: 'canary:80', real, copy: copied, different: false, ...changes })
  }
  t.equal(watched.take(), null)
  copy(answer(200), answer(200))
  copy(answer(200), answer(500), { different: true })
  copy(answer(200), answer(429), { different: true })
  copy(answer(200), answer(503), { different: true, endpoint: 'other:80' })
  copy(answer(429), null, { different: true })
  copy(answer(200, 300), answer(200))
  copy(answer(200), answer(404, 101))
  copy(answer(200), answer(429), { realVersion: 'other' })
  copy(answer(200), answer(429), { realVersion: 'canary' })
  copy(answer(200), answer(429), { copyVersion: 'other' })
  copy(answer(200), answer(429), { requestNumber: 10 })
  const report = watched.take()
  t.same(report?.cohorts, [])
  t.same([...report?.copiesByEndpoint ?? []].map(([name, { requests, failed, slow, different }]) => [name, requests, failed, slow, different]), [
    ['canary:80', 2, 1, 1, 1], ['other:80', 1, 1, 0, 1]
  ], 'what went wrong with copies alone')
  t.same(report?.copies, { requests: 7, failed: 2, realFailed: 0, bothFailed: 1, slow: 1, realSlow: 1, different: 4 }, 'a status is a failure when the plan lists it, 503 and no answer always')
  t.equal(watched.take(), null)
  t.equal(watched.failuresTold, 0)
})

t.test('what each error counts as', async t => {
  for (const error of PROXY_ERROR_CODES) {
    const watched = new Watched()
    watched.add({ error })
    watched.take()
    t.same(watched.sum.of('to'), COUNTS_AS[error] === 'failure' ? { requests: 1, failures: 1 } : {}, error)
  }
})

t.test('a status that is passed on is a failure when it is listed; 502, 503 and 504 always are', async t => {
  const failing = (failureStatuses: RouteWatch['failureStatuses']): readonly number[] => [200, 304, 404, 429, 499, 500, 501, 502, 503, 504, 599, 600].filter(status => {
    const watched = new Watched({ failureStatuses })
    watched.add({ status })
    watched.take()
    return watched.sum.of('to').failures === 1
  })
  t.same(failing([[500, 599]]), [500, 501, 502, 503, 504, 599])
  t.same(failing([]), [502, 503, 504])
  t.same(failing([[404, 404], [429, 429]]), [404, 429, 502, 503, 504])
})

t.test('only the two versions count, and only requests that began after the watch', async t => {
  const watched = new Watched({}, 12)
  for (let count = 0; count < 5; count++) watched.add()
  watched.add({ version: 'other' })
  watched.add({ version: '' })
  watched.add({ version: 'stable', status: 500 })
  watched.take()
  t.same(watched.sum.of('to'), { requests: 3 }, 'two of five were there before')
  t.same(watched.sum.of('from'), { requests: 1, failures: 1 })
})

t.test('without news there is no report, and each report is the difference', async t => {
  const watched = new Watched()
  t.equal(watched.take(), null)
  watched.add()
  t.match(watched.take(), { cohorts: [{ epoch: 1, to: { requests: 1 } }], signs: [], heavy: [], dropped: 0 })
  t.equal(watched.take(), null)
  watched.add({ version: 'stable' })
  t.match(watched.take(), { cohorts: [{ epoch: 1, from: { requests: 1 }, to: { requests: 0 } }] })
})

t.test('each client speaks once of failures and once of slowness, wherever it is; later failures are counted', async t => {
  const watched = new Watched({ slowerThanMs: 100 })
  for (const version of ['stable', 'canary', 'canary']) {
    watched.add({ version, status: 500 })
    watched.add({ version, firstByteMs: 101 })
    watched.add({ version, firstByteMs: 100 })
    watched.take()
  }
  t.match(watched.sum.signs, [
    { kind: 'failure', side: 'from', epoch: 1, endpoint: 'stable:80' }, { kind: 'slow', side: 'from', epoch: 1, endpoint: 'stable:80' }
  ])
  t.equal(watched.sum.signs.length, 2)
  t.equal(watched.sum.signs[0]?.bucket, watched.sum.signs[1]?.bucket)
  t.same(watched.sum.of('to'), { requests: 6, failures: 2, slow: 2 })
  watched.add({ client: 'another', status: 500 })
  watched.take()
  t.match(watched.sum.signs.slice(2), [{ kind: 'failure', side: 'to' }])
})

t.test('what is slow may change while the watch lasts; before it is known nothing is', async t => {
  const watched = new Watched()
  watched.add({ firstByteMs: 1e6 })
  watched.watch.configure(testWatch({ slowerThanMs: 10 }))
  watched.add({ firstByteMs: 11, client: 'other' })
  watched.take()
  t.same(watched.sum.of('to'), { requests: 2, slow: 1 })
})

t.test('a slow failure is a failure', async t => {
  const watched = new Watched({ slowerThanMs: 10 })
  watched.add({ firstByteMs: 11, status: 500 })
  watched.take()
  t.same(watched.sum.of('to'), { requests: 1, failures: 1 })
})

t.test('where the unit is the request, each failure is a sign', async t => {
  const watched = new Watched({ unit: 'request' })
  for (let count = 0; count < 3; count++) watched.add({ status: 500 })
  watched.take()
  t.equal(watched.sum.signs.length, 3)
})

t.test('buckets and halves are even, other ones in another rollout, and know nothing of the split', async t => {
  const clients = Array.from({ length: 20_000 }, (_, index) => `user-${index}`)
  const bucketsOf = (id: string): { readonly buckets: readonly number[], readonly odd: number } => {
    const watched = new Watched({ id })
    const buckets = clients.map(client => {
      watched.add({ client, status: 500 })
      watched.take()
      return watched.sum.signs.at(-1)?.bucket ?? -1
    })
    return { buckets, odd: watched.sum.whole('to').halfRequests ?? 0 }
  }
  const one = bucketsOf('rollout-1')
  const two = bucketsOf('rollout-2')
  t.ok(Math.abs(one.odd - 10_000) < 400 && Math.abs(two.odd - 10_000) < 400, `${one.odd}, ${two.odd}`)
  const share = (buckets: readonly number[], chosen: (index: number) => boolean): number => {
    const upper = buckets.filter((bucket, index) => bucket >= 32_768 && chosen(index)).length
    return upper / clients.filter((_, index) => chosen(index)).length
  }
  const split = new Split('hello', ['stable', 'canary'], [75, 25], 'rollout-1')
  const onCanary = clients.map(client => split.choose(hashString(client)) === 1)
  // Six standard deviations of the smaller group: 5,000 coins.
  t.ok(Math.abs(share(one.buckets, index => onCanary[index] === true) - 0.5) < 0.043)
  t.ok(Math.abs(share(two.buckets, index => (one.buckets[index] ?? 0) >= 32_768) - 0.5) < 0.03)
  t.ok(Math.max(...one.buckets) > 65_000 && Math.min(...one.buckets) >= 0)
})

t.test('outcomes belong to the epoch of their request; of more than 32 epochs in one report the oldest are left out, and counted as such', async t => {
  const watched = new Watched()
  for (let epoch = 1; epoch <= 40; epoch++) watched.add({ epoch })
  watched.add({ epoch: 2 })
  const report = watched.take()
  t.same(report?.cohorts.map(({ epoch }) => epoch).toSorted((left, right) => left - right), Array.from({ length: 32 }, (_, index) => index + 9))
  t.equal(report?.dropped, 9, 'eight epochs that had to go, and one request of an epoch that is too old')
  watched.add({ epoch: 2 })
  t.match(watched.take(), { cohorts: [{ epoch: 2 }], dropped: 0 }, 'the next report begins anew')
})

t.test('a hundred thousand clients that all fail make no report large, and each of them speaks in the end', async t => {
  const watched = new Watched({ slowerThanMs: 1 })
  let largest = 0
  let most = 0
  let heaviest = 0
  const clients = Array.from({ length: 100_000 }, (_, index) => `user-${index}`)
  const tell = (): void => {
    const report = watched.take()
    if (report === null) return
    largest = Math.max(largest, serialize(report).length)
    most = Math.max(most, report.signs.length)
    heaviest = Math.max(heaviest, report.heavy.length)
  }
  for (const client of clients) watched.add({ client, status: 500 })
  for (const client of clients) watched.add({ client, firstByteMs: 2 })
  tell()
  t.equal(most, 1_024, '512 failures and 512 slow answers')
  t.ok(watched.sum.dropped > 100_000, 'the others did not fit')
  for (const [index, client] of clients.entries()) {
    watched.add({ client, status: 500 })
    if (index % 500 === 499) tell()
  }
  tell()
  const dropped = watched.sum.dropped
  for (const [index, client] of clients.entries()) {
    watched.add({ client, status: 500 })
    if (index % 500 === 499) tell()
  }
  t.equal(watched.sum.dropped, dropped, 'nothing has to be left out any more')
  const buckets = new Set(watched.sum.signs.filter(({ kind }) => kind === 'failure').map(({ bucket }) => bucket))
  t.equal(watched.sum.signs.filter(({ kind }) => kind === 'failure').length, buckets.size, 'no bucket speaks twice')
  // 65,536 (1 - e^(-100,000 / 65,536)), plus and minus six deviations and more.
  t.ok(Math.abs(buckets.size - 51_290) < 600, `${buckets.size} buckets`)
  t.ok(largest < 200_000, `${largest} bytes`)
  t.equal(heaviest, 16)
})

t.test('clients seen are told until there are many', async t => {
  const watched = new Watched()
  const bits = (): number => [...watched.sum.seen ?? []].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
  for (let client = 0; client < 20; client++) for (let count = 0; count < 3; count++) watched.add({ client: `user-${client}`, version: client % 2 === 0 ? 'stable' : 'canary' })
  watched.take()
  t.ok(bits() >= 18 && bits() <= 20, `${bits()} of 20 clients`)
  watched.add({ client: 'user-3' })
  t.equal(watched.take()?.seen, undefined, 'nobody new')
  for (let client = 20; client < 2_000; client++) watched.add({ client: `user-${client}` })
  t.not(watched.take()?.seen, undefined, 'the last time')
  t.equal(bits(), 257)
  for (let client = 2_000; client < 4_000; client++) watched.add({ client: `user-${client}` })
  t.equal(watched.take()?.seen, undefined)
})

t.test('heavy clients of the new version are named as the access log names them, with what they have for certain', async t => {
  const watched = new Watched()
  const add = (client: string, times: number, kind: RequestFacts['stickyKind'], version = 'canary'): void => {
    for (let count = 0; count < times; count++) watched.add({ client, kind, version, status: 500 })
  }
  add('by address', 40, 'client-ip')
  add('by header', 30, 'header')
  add('nobody', 50, 'random')
  add('of the old version', 50, 'header', 'stable')
  watched.take()
  t.same(watched.sum.heavy, [{ key: '192.0.2.7', failures: 40 }, { key: keyHashText(hashString('by header')), failures: 30 }])
  for (let client = 0; client < 200; client++) add(`user-${client}`, 1, 'header')
  watched.take()
  t.equal(watched.sum.heavy.length, 16)
  t.same(watched.sum.heavy.slice(0, 2), [{ key: '192.0.2.7', failures: 40 }, { key: keyHashText(hashString('by header')), failures: 30 }])
  t.ok(watched.sum.heavy.slice(2).every(({ failures }) => failures === 1), 'nobody is charged with what others have done')
  watched.add()
  t.same(watched.take()?.heavy, [], 'nothing of it has changed')
})
