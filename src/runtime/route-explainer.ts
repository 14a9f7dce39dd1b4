/**
 * Answers what would happen to a request, with the code that decides in the workers.
 */
import type { ExplainQuery } from '../admin/admin-deps.ts'
import type { ExplainAnswer } from '../admin/explain-answer.ts'
import type { Config, RouteConfig } from '../config/schema.ts'
import { endpointKey } from '../core/endpoint.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { hashString } from '../core/hash.ts'
import { Rendezvous } from '../balancing/rendezvous.ts'
import { usableEndpoints } from '../discovery/usable-endpoints.ts'
import { explain } from '../routing/explain.ts'
import type { ExplainableRoute } from '../routing/explain.ts'
import { PlainRequest } from '../routing/plain-request.ts'
import { RouteTable } from '../routing/route-table.ts'
import { Split } from '../routing/split.ts'
import { compileStickyKey, StickyKey } from '../routing/sticky-key.ts'
import type { Weights } from '../rollout/traffic-state.ts'

/** What an explanation needs to know of the present. */
export interface ExplainSources {
  readonly config: () => Config
  readonly weights: (route: string) => Weights
  readonly endpoints: (route: string, version: string) => readonly Endpoint[]
}

export class RouteExplainer {
  readonly #sources: ExplainSources

  constructor (sources: ExplainSources) {
    this.#sources = sources
  }

  /** Undefined when the configuration has no such route. */
  explain (query: ExplainQuery): ExplainAnswer | undefined {
    const routes = this.#sources.config().routes
    const asked = routes.find(({ name }) => name === query.route)
    if (asked === undefined) return undefined
    const request = new PlainRequest({ method: query.method, host: query.host, path: query.path, query: query.query, headers: Object.fromEntries(query.headers) })
    const table = new RouteTable(routes.map(route => ({ match: route.match ?? {}, payload: this.#explainable(route) })))
    const matched = table.match(request)?.name ?? null
    // The route that was asked about is explained even when another one would take the request.
    const alone = new RouteTable([{ match: {}, payload: this.#explainable(asked) }])
    const explanation = explain(alone, request, query.ip)
    const key = new StickyKey()
    compileStickyKey(asked.affinity, () => 0).resolve(request, query.ip, key)
    const kind = key.kind === 'random' ? 'none' : key.kind
    const chosen = kind === 'none' ? null : this.#explainable(asked).split.choose(key.hash)
    return {
      route: asked.name,
      matches: matched === asked.name,
      matchedRoute: matched,
      stickyKey: { kind, value: keyValue(asked, query, kind) },
      chosen: chosen === null ? null : asked.versions[chosen]?.name ?? null,
      version: explanation.version ?? null,
      endpoint: explanation.version === undefined ? null : this.#endpoint(asked, explanation.version, key.hash),
      why: [
        matched === asked.name ? `the route "${asked.name}" takes the request` : matched === null ? 'no route takes such a request: it gets 404' : `the route "${matched}" takes the request, not this one`,
        explanation.reason
      ]
    }
  }

  #explainable (route: RouteConfig): ExplainableRoute {
    const names = route.versions.map(({ name }) => name)
    const weights = this.#sources.weights(route.name)
    return {
      name: route.name,
      stickyKey: compileStickyKey(route.affinity, () => 0),
      split: new Split(route.affinity.salt ?? route.name, names, names.map(name => weights[name] ?? 0)),
      available: Uint8Array.from(names, name => this.#usable(route.name, name).length > 0 ? 1 : 0),
      whenEmpty: route.whenEmpty
    }
  }

  #usable (route: string, version: string): readonly Endpoint[] {
    return usableEndpoints(this.#sources.endpoints(route, version))
  }

  /** The endpoint, where it is certain. */
  #endpoint (route: RouteConfig, version: string, keyHash: number): string | null {
    const usable = this.#usable(route.name, version)
    if (usable.length !== 1 && route.affinity.level !== 'endpoint' && route.balancing !== 'rendezvous') return null
    const candidates = usable.map(endpoint => ({ inFlight: 0, hash: hashString(endpointKey(endpoint)), available: true }))
    const endpoint = usable[new Rendezvous().pick(candidates, keyHash)]
    return endpoint === undefined ? null : endpointKey(endpoint)
  }
}

function keyValue (route: RouteConfig, query: ExplainQuery, kind: ExplainAnswer['stickyKey']['kind']): string | null {
  switch (kind) {
    case 'none': return null
    case 'client-ip': return query.ip
    case 'header': return query.headers.get((route.affinity.header ?? '').toLowerCase()) ?? null
    default: return route.affinity.cookie ?? null
  }
}
