import type { FastifyInstance } from 'fastify'
import type { AdminDeps, ExplainQuery } from '../../src/admin/admin-deps.ts'
import type { AdminLimits } from '../../src/admin/admin-server.ts'
import { createAdminApp } from '../../src/admin/app.ts'
import type { ExplainAnswer } from '../../src/admin/explain-answer.ts'
import { TokenBook, type TokenConfig } from '../../src/admin/token-book.ts'
import type { RouteConfig } from '../../src/config/schema.ts'
import { TrafficControl } from '../../src/rollout/traffic-control.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../../src/rollout/traffic-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { StateStore } from '../../src/store/state-store.ts'
import { FakeClock } from './fake-clock.ts'
import { FakePublisher } from './fake-publisher.ts'
import { ListLog } from './list-log.ts'

const HELLO: RouteConfig = {
  name: 'hello',
  match: { path: '/' },
  affinity: { by: 'header', header: 'x-user', level: 'version', salt: 'do-not-show' },
  balancing: 'least-request',
  whenEmpty: 'fallback',
  upgrades: [],
  versions: [
    { name: 'stable', weight: 90, endpoints: { static: ['127.0.0.1:9001'] } },
    { name: 'canary', weight: 10, endpoints: { service: 'hello-canary', port: 'http' } }
  ]
}

export interface AdminFixture {
  readonly app: FastifyInstance
  readonly clock: FakeClock
  readonly log: ListLog
  readonly publisher: FakePublisher
  readonly traffic: TrafficControl
  readonly tokens: TokenBook
  /** What explain was asked. */
  readonly asked: ExplainQuery[]
  /** What is missing for readiness. */
  readonly missing: string[]
}

export interface AdminFixtureOptions {
  readonly tokens?: readonly TokenConfig[]
  readonly store?: StateStore<TrafficState>
  readonly limits?: AdminLimits
  readonly metrics?: AdminDeps['metrics']
}

/** The admin API over a real TrafficControl with one route, `hello`: stable 90, canary 10. */
export async function adminFixture (options: AdminFixtureOptions = {}): Promise<AdminFixture> {
  const clock = new FakeClock()
  const log = new ListLog()
  const publisher = new FakePublisher()
  const store = options.store ?? new MemoryStore(EMPTY_TRAFFIC, (error) => { throw error })
  const traffic = await TrafficControl.open({ store, publisher, clock, log })
  await traffic.configure([{ name: 'hello', weights: { stable: 90, canary: 10 } }])
  const tokens = new TokenBook(options.tokens ?? [], clock, log)
  await tokens.load()
  const asked: ExplainQuery[] = []
  const missing: string[] = []
  const deps: AdminDeps = {
    clock,
    log,
    tokens,
    traffic,
    details: (route) => route === 'hello' ? helloDetails() : undefined,
    readiness: () => ({ reasons: missing }),
    metrics: options.metrics ?? (async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'weir_up 1\n' })),
    explain: (query) => {
      asked.push(query)
      return query.route === 'hello' ? explainHello(query) : undefined
    }
  }
  return { app: createAdminApp(deps, options.limits), clock, log, publisher, traffic, tokens, asked, missing }
}

function helloDetails () {
  const ready = { ready: true, serving: true, terminating: false }
  return {
    config: HELLO,
    versions: [
      {
        name: 'stable', source: { kind: 'static', state: 'synced' }, endpoints: [{ address: '127.0.0.1', port: 9001, ...ready }], observed: { requests: 9, share: 0.9 }
      },
      {
        name: 'canary',
        source: { kind: 'kubernetes', state: 'stale', name: 'shop/hello-canary:http', detail: 'the API server does not answer' },
        endpoints: [
          { address: 'fd00::1', port: 80, ...ready },
          { address: 'fd00::2', port: 80, ready: false, serving: true, terminating: true }
        ]
      }
    ]
  } as const
}

function explainHello ({ route, headers }: ExplainQuery): ExplainAnswer {
  return {
    route, matches: true, matchedRoute: route, stickyKey: { kind: 'header', value: headers.get('x-user') ?? null }, chosen: 'canary', version: 'canary', endpoint: null, why: ['because']
  }
}
