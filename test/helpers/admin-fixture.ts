import type { FastifyInstance } from 'fastify'
import type { AdminDeps, OtherReplicas } from '../../src/admin/admin-deps.ts'
import { createAdminApp, type AdminLimits } from '../../src/admin/admin-server.ts'
import type { ClientSample } from '../../src/contract/client-sample.ts'
import { RouteBook } from '../../src/routes/route-book.ts'
import { ChangePlanner } from '../../src/control/change-planner.ts'
import type { ExplainAnswer, ExplainQuery } from '../../src/control/explain-answer.ts'
import { bookTraffic, EventBook } from '../../src/control/event-book.ts'
import { journalLists } from '../../src/control/list-journal.ts'
import { Unanswered } from '../../src/control/worker-questions.ts'
import { TokenBook, type TokenConfig } from '../../src/admin/token-book.ts'
import type { RouteConfig } from '../../src/config/schema.ts'
import { TrafficControl } from '../../src/rollout/traffic-control.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../../src/rollout/traffic-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { StateStore } from '../../src/store/state-store.ts'
import { FakeClock } from './fake-clock.ts'
import { FakePublisher } from './fake-publisher.ts'
import { FakeRollouts } from './fake-rollouts.ts'
import { listBench } from './list-bench.ts'
import { ListLog } from './list-log.ts'
import { ROUTE_DEFAULTS } from './route-defaults.ts'
import { ShadowBook } from '../../src/control/shadow-book.ts'
import { ShadowDescriber } from '../../src/control/shadow-describer.ts'
import { emptyShadowTally } from '../../src/contract/shadow-report.ts'
import type { ShadowMessage } from '../../src/contract/messages.ts'
import { LATENCY_BOUNDS_S } from '../../src/telemetry/counter-layout.ts'
import type { VersionDrainStatus } from '../../src/control/version-drain.ts'
import { takeOver } from './take-over.ts'
import type { KnownReplica } from '../../src/replicas/replica-book.ts'

/** A copy of a request to the route hello that was answered with an error. */
const SHADOW: ShadowMessage = {
  type: 'shadow',
  route: 'hello',
  to: 'canary',
  report: {
    counts: { ...emptyShadowTally(LATENCY_BOUNDS_S.length + 1), drawn: 1, sent: 1, different: { status: 1, headers: 0, body: 0 }, serverErrors: 1 },
    examples: [{
      wallMs: Date.UTC(2026, 0, 1),
      kind: 'status',
      requestId: 'a1',
      method: 'GET',
      path: '/',
      endpoint: '10.0.0.9:80',
      headers: ['x-a'],
      real: { status: 200, firstByteMs: 1, bytes: 2, digest: 'ab' },
      shadow: null
    }]
  }
}

const HELLO: RouteConfig = {
  ...ROUTE_DEFAULTS,
  name: 'hello',
  match: { path: '/' },
  affinity: { by: 'header', header: 'x-user', level: 'version', salt: 'do-not-show' },
  versions: [
    { name: 'stable', weight: 90, endpoints: { static: ['127.0.0.1:9001'] } },
    { name: 'canary', weight: 10, endpoints: { service: 'hello-canary', port: 'http' } }
  ]
}

export interface AdminFixture {
  readonly app: FastifyInstance
  readonly deps: AdminDeps
  readonly clock: FakeClock
  readonly log: ListLog
  readonly publisher: FakePublisher
  readonly traffic: TrafficControl
  readonly tokens: TokenBook
  readonly rollouts: FakeRollouts
  /** What explain was asked. */
  readonly asked: ExplainQuery[]
  /** What is missing for readiness. */
  readonly missing: string[]
  /** Versions without a first list of endpoints. */
  readonly waiting: string[]
  /** What every version still has. */
  readonly left: { inFlight: number, tunnels: number }
  /** The stop of the replica. */
  readonly stop: AbortController
}

export interface AdminFixtureOptions {
  readonly tokens?: readonly TokenConfig[]
  readonly store?: StateStore<TrafficState>
  readonly limits?: AdminLimits
  readonly metrics?: AdminDeps['metrics']
  readonly webhooks?: AdminDeps['webhooks']
  /** What the workers have seen of clients; nothing by default. */
  readonly samples?: readonly ClientSample[]
  /** This is one replica of three. */
  readonly others?: OtherReplicas
}

/** The admin API over a real TrafficControl with one route, `hello`: stable 90, canary 10. */
export async function adminFixture (options: AdminFixtureOptions = {}): Promise<AdminFixture> {
  const clock = new FakeClock()
  const log = new ListLog()
  const publisher = new FakePublisher()
  const store = options.store ?? new MemoryStore(EMPTY_TRAFFIC, error => { throw error })
  const traffic = await TrafficControl.open({ store, publisher, clock, log })
  await takeOver(traffic.prepare([{ name: 'hello', weights: { stable: 90, canary: 10 } }]))
  const tokens = new TokenBook(options.tokens ?? [], clock, log)
  await takeOver(await tokens.prepare(options.tokens ?? []))
  const asked: ExplainQuery[] = []
  const missing: string[] = []
  const waiting: string[] = []
  const left = { inFlight: 0, tunnels: 0 }
  const events = new EventBook('test', clock)
  bookTraffic(traffic, events)
  const stop = new AbortController()
  const rollouts = new FakeRollouts()
  const planner = new ChangePlanner({
    clock,
    routes: new RouteBook([HELLO]),
    traffic: route => traffic.route(route),
    usedEndpoints: route => route === 'hello' ? Object.fromEntries(helloDetails().versions.map(version => [version.name, version.usedEndpoints])) : undefined,
    clients: async () => ({ answers: new Map((options.samples ?? []).map((sample, worker) => [worker, sample])), silent: [] })
  })
  const shadowBook = new ShadowBook(clock)
  shadowBook.receive(SHADOW)
  const deps: AdminDeps = {
    clock,
    log,
    tokens,
    traffic,
    rollouts,
    events,
    lists: (await listBench({ onChange: journalLists(log, events) })).book,
    webhooks: options.webhooks ?? (() => []),
    stopping: stop.signal,
    details: route => route === 'hello' ? helloDetails() : undefined,
    usedEndpoints: route => route === 'hello'
      ? Object.fromEntries(helloDetails().versions.map(version => [version.name, version.usedEndpoints]))
      : undefined,
    plan: async (route, command) => await planner.plan(route, command),
    clients: async route => await planner.seen(route),
    drain: (route, version) => route === 'hello' && ['stable', 'canary'].includes(version) ? drainOf(version, left) : undefined,
    shadow: new ShadowDescriber(new RouteBook([HELLO]), shadowBook),
    replicas: {
      list: () => ({ replicas: Array.from({ length: options.others === undefined ? 1 : 3 }, () => ownReplica(clock)), unknown: undefined }),
      others: options.others
    },
    readiness: () => ({
      ready: missing.length + waiting.length === 0,
      own: missing,
      waiting: waiting.length,
      ofVersions: () => waiting.map(version => `version "${version}" waits`)
    }),
    state: () => ({ store: 'memory', ...traffic.storeStatus() }),
    metrics: options.metrics ?? (async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'weir_up 1\n' })),
    explain: async query => {
      asked.push(query)
      return query.route === 'hello' ? explainHello(query) : undefined
    },
    explainRequest: async (route, requestId) => {
      if (route !== 'hello') return undefined
      if (requestId === 'forgotten') throw new Unanswered('unknown_request', 'nobody remembers it')
      return { ...explainHello({ route, headers: new Map() }), why: [`because of ${requestId}`] }
    }
  }
  return { app: createAdminApp(deps, options.limits), deps, clock, log, publisher, traffic, tokens, rollouts, asked, missing, waiting, left, stop }
}

function ownReplica (clock: FakeClock): KnownReplica {
  return {
    facts: { id: 'own', name: 'weir-0', version: '0.1.0', startedAt: '2026-01-01T00:00:00.000Z', ready: true, workers: 2 },
    address: undefined,
    self: true,
    ready: true,
    fault: undefined,
    faultSinceMs: undefined,
    lag: { max: 0, routes: new Map() },
    laggingSinceMs: undefined,
    knownSinceMs: clock.wallMs(),
    answerAgeMs: 0
  }
}

/** A version without a weight. */
function drainOf (version: string, left: { readonly inFlight: number, readonly tunnels: number }): VersionDrainStatus {
  const why = Object.entries(left).filter(([, count]) => count > 0).map(([what, count]) => `${what}: ${count}`)
  const endpoint = { address: 'fd00::2', port: 80, ready: false, serving: true, terminating: true }
  return { route: 'hello', version, weight: 0, workers: { running: 2, applied: 2 }, ...left, held: 0, endpoints: [endpoint], safe: why.length === 0, why }
}

function helloDetails () {
  const healthy = { available: 'all', reasons: [] } as const
  const ready = { ready: true, serving: true, terminating: false, health: healthy }
  const reasons = [{ kind: 'ejected', workers: 1, sinceMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2026, 0, 1, 0, 0, 10), detail: '5 failures in a row, the last one status_503' }] as const
  return {
    config: HELLO,
    versions: [
      {
        name: 'stable', source: { kind: 'static', state: 'synced' }, availableEndpoints: 1, usedEndpoints: 1, panic: 'none', endpoints: [{ address: '127.0.0.1', port: 9001, ...ready }], observed: { requests: 9, share: 0.9 }
      },
      {
        name: 'canary',
        source: { kind: 'kubernetes', state: 'stale', name: 'shop/hello-canary:http', detail: 'the API server does not answer' },
        availableEndpoints: 0,
        usedEndpoints: 1,
        panic: 'some',
        endpoints: [
          { address: 'fd00::1', port: 80, ...ready, health: { available: 'some', reasons } },
          { address: 'fd00::2', port: 80, ready: false, serving: true, terminating: true, health: healthy }
        ]
      }
    ]
  } as const
}

function explainHello ({ route, headers }: Pick<ExplainQuery, 'route' | 'headers'>): ExplainAnswer {
  const decision = { version: 'canary', endpoint: null, outcome: 'attempt' } as const
  return {
    route,
    matches: true,
    matchedRoute: route,
    epoch: 1,
    stickyKey: { kind: 'header', name: 'x-user', value: headers.get('x-user') ?? null, hash: '0000002a', missing: null },
    placement: 'split',
    rules: [],
    actions: [],
    chosen: 'canary',
    ...decision,
    versions: [{ name: 'stable', weight: 90, score: 0.5, usedEndpoints: 1, panic: 'none' }, { name: 'canary', weight: 0, score: null, usedEndpoints: 1, panic: 'some' }],
    workers: [{ worker: 0, epoch: 1, ...decision }],
    why: ['because']
  }
}
