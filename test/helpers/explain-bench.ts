import type { ExplainAnswer, ExplainQuery } from '../../src/control/explain-answer.ts'
import type { RouteConfig } from '../../src/config/schema.ts'
import type { Endpoint } from '../../src/core/endpoint.ts'
import { explainChoice } from '../../src/exchange/explain-choice.ts'
import { routeSpecs } from '../../src/routes/configured-options.ts'
import { RouteBook } from '../../src/routes/route-book.ts'
import { RouteExplainer } from '../../src/control/route-explainer.ts'
import { planeOptions, ProxyBench } from './data-plane.ts'
import { FakeClock } from './fake-clock.ts'
import { ROUTE_DEFAULTS } from './route-defaults.ts'

export const HELLO: RouteConfig = {
  ...ROUTE_DEFAULTS,
  name: 'hello',
  match: { path: '/' },
  versions: [
    { name: 'stable', weight: 1, endpoints: { static: ['127.0.0.1:9001'] } },
    { name: 'canary', weight: 1, endpoints: { static: ['127.0.0.1:9002'] } }
  ]
}

/** The explainer over the routes of some workers, which have no thread, no listener and no traffic. */
export class ExplainBench {
  readonly clock = new FakeClock()
  readonly workers: readonly ProxyBench[]
  readonly explainer: RouteExplainer
  /** Workers that do not answer. */
  readonly silent = new Set<number>()
  readonly #endpoints = new Map<string, readonly Endpoint[]>()
  #epoch = 0

  constructor (routes: readonly RouteConfig[], workers = 1, limits: Parameters<typeof planeOptions>[0] = {}) {
    this.workers = Array.from({ length: workers }, () => new ProxyBench(limits, this.clock))
    for (const { routes: known, segments } of this.workers) {
      known.applyRoutes({
        type: 'routes',
        options: planeOptions(limits),
        routes: routeSpecs(routes, {
          common: { ...planeOptions(limits), overrides: { keyFiles: [], trustedNetworks: [] } },
          slotFor: () => 0,
          files: { authoritiesOf: () => ({ pem: '', digest: '' }), keysOf: () => [] }
        }),
        segments
      })
    }
    for (const { name, versions } of routes) {
      this.split(Object.fromEntries(versions.map(version => [version.name, version.weight])), name)
      for (const version of versions) if ('static' in version.endpoints) this.endpoints(version.name, version.endpoints.static.map(toEndpoint), name)
    }
    this.explainer = new RouteExplainer({
      routes: new RouteBook(routes),
      epoch: () => this.#epoch,
      endpoints: (route, version) => this.#endpoints.get(`${route} ${version}`) ?? [],
      ask: async question => ({
        answers: new Map([...this.workers.entries()].flatMap(([id, { plane }]) => this.silent.has(id) ? [] : [[id, structuredClone(explainChoice(plane, question))]])),
        silent: [...this.silent]
      })
    })
  }

  split (weights: Readonly<Record<string, number>>, route = 'hello', salt = ''): void {
    this.#epoch++
    for (const { routes } of this.workers) routes.applySplit({ type: 'split', route, epoch: this.#epoch, weights, salt })
  }

  endpoints (version: string, endpoints: readonly Endpoint[], route = 'hello'): void {
    this.#endpoints.set(`${route} ${version}`, endpoints)
    for (const { routes } of this.workers) routes.applyEndpoints({ type: 'endpoints', route, version, endpoints })
  }

  /** The active checks of these endpoints fail. */
  failing (version: string, endpoints: readonly string[], route = 'hello'): void {
    const failing = endpoints.map(endpoint => ({ endpoint, sinceWallMs: this.clock.wallMs(), detail: 'status 500' }))
    for (const { routes } of this.workers) routes.applyChecks({ type: 'checks', route, version, failing })
  }

  /** One worker finds that an endpoint fails, often enough to eject it. */
  eject (worker: number, version: string, endpoint: string, route = 'hello'): void {
    const pool = this.workers[worker]?.plane.routes.get(route)?.versions.find(({ name }) => name === version)?.pool
    const [address = '', port = ''] = endpoint.split(':')
    const bench = this.workers[worker]
    const target = bench?.pools.acquire({ address, port: Number(port) }, bench.routes.transports.of(undefined))
    if (pool === undefined || target === undefined) throw new Error(`worker ${worker} has no ${route} ${version}`)
    for (let failures = 0; failures < 5; failures++) pool.report(target, 'upstream_reset', this.clock.nowMs())
  }

  async ask (query: Partial<ExplainQuery> = {}): Promise<ExplainAnswer> {
    const answer = await this.explainer.explain({ route: 'hello', ip: '203.0.113.9', method: 'GET', host: '', path: '/', query: '', headers: new Map(), members: new Map(), ...query })
    if (answer === undefined) throw new Error('there is no such route')
    return answer
  }
}

/** A ready endpoint. */
export function toEndpoint (text: string): Endpoint {
  const colon = text.lastIndexOf(':')
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)), ready: true, serving: true, terminating: false }
}
