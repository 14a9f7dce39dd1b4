/**
 * Configurations of Weir for the benchmarks. They are written as JSON, which YAML includes.
 */
import type { RouteConfig } from '../../src/config/schema.ts'
import type { Certificate } from './certificate.ts'
import type { IoChoice } from '../../src/contract/data-plane-options.ts'

/** A route as a file states it; what is left out gets its default. */
export type WrittenRoute = Pick<RouteConfig, 'name' | 'versions'> & Partial<RouteConfig>

export interface WeirConfigOptions {
  readonly listenPort: number
  readonly adminPort: number
  readonly workers: number
  /** Not in the file by default, which a build from before this option would refuse. */
  readonly io?: IoChoice | undefined
  readonly routes: readonly WrittenRoute[]
  /** The listener speaks TLS 1.3 with it. */
  readonly certificate?: Pick<Certificate, 'cert' | 'key'> | undefined
  /** Timeouts that are not the usual ones. */
  readonly timeouts?: Readonly<Record<string, string>>
  /** Limits that are not the usual ones. */
  readonly limits?: Readonly<Record<string, number>>
  /** The file with the credentials of the Kubernetes API, for routes that name Services. */
  readonly kubeconfig?: string | undefined
  /** A second listener, which redirects everything to https; none by default. */
  readonly redirectPort?: number | undefined
  /** A port for probes; none by default. */
  readonly probesPort?: number | undefined
  /** Whole sections of the file, instead of the usual ones or beside them. */
  readonly sections?: Readonly<Record<string, unknown>> | undefined
}

/** The text of a configuration: sticky by client IP, no access log, X-Forwarded-* and counters as always. */
export function weirConfig ({
  listenPort, adminPort, workers, io, routes, certificate, timeouts, limits, kubeconfig, probesPort, redirectPort, sections = {}
}: WeirConfigOptions): string {
  const tls = certificate === undefined
    ? {}
    : { tls: { certificates: [{ cert: certificate.cert, key: certificate.key }], minVersion: '1.3' } }
  return JSON.stringify({
    listeners: [
      { name: 'bench', address: '127.0.0.1', port: listenPort, ...tls },
      ...(redirectPort === undefined ? [] : [{ name: 'redirect', address: '127.0.0.1', port: redirectPort, redirectToHttps: {} }])
    ],
    admin: {
      address: '127.0.0.1',
      port: adminPort,
      ...(probesPort === undefined ? {} : { probes: { address: '127.0.0.1', port: probesPort } })
    },
    workers,
    ...(io === undefined ? {} : { io }),
    state: { store: 'memory' },
    timeouts: { keepAliveIdle: '600s', ...timeouts },
    ...(limits === undefined ? {} : { limits }),
    drain: { delay: '0s' },
    log: { level: 'warn' },
    ...(kubeconfig === undefined ? {} : { kubernetes: { kubeconfig } }),
    routes,
    ...sections
  }, undefined, 2)
}

/** The route that the load goes to: 75 to 25 over the two origin ports. */
export function benchRoute (originPorts: readonly [number, number], hosts?: readonly string[]): WrittenRoute {
  return {
    name: 'bench',
    ...(hosts === undefined ? {} : { match: { hosts: [...hosts] } }),
    affinity: { by: 'client-ip', level: 'version' },
    versions: [
      { name: 'stable', weight: 75, endpoints: { static: [`127.0.0.1:${originPorts[0]}`] } },
      { name: 'canary', weight: 25, endpoints: { static: [`127.0.0.1:${originPorts[1]}`] } }
    ]
  }
}

const BETA = { headers: [{ name: 'X-Beta', value: '1' }] }

/** The same with one list, one match and an edited field on either way. */
export function placingRoute (originPorts: readonly [number, number]): WrittenRoute {
  const route = benchRoute(originPorts)
  return {
    ...route,
    lists: [{ name: 'beta', version: 'canary', by: 'header', header: 'X-User' }],
    filters: {
      requestHeaders: { set: [{ name: 'X-Edge', value: 'weir' }], add: [], remove: [] },
      responseHeaders: { set: [{ name: 'X-Frame-Options', value: 'DENY' }], add: [], remove: [] }
    },
    versions: route.versions.map(version => version.name === 'stable' ? version : { ...version, match: BETA })
  }
}

/** Routes that get no request: two versions of five endpoints each, by host and path. */
export function idleRoutes (count: number): readonly WrittenRoute[] {
  return Array.from({ length: count }, (_, index) => {
    const host = `service-${index >> 1}.bench.example`
    const network = `10.${index >> 8}.${index & 255}`
    const endpoints = (first: number): string[] => [0, 1, 2, 3, 4].map(place => `${network}.${first + place}:8080`)
    return {
      name: `idle-${index}`,
      match: { hosts: [host], path: index % 2 === 0 ? '/' : '/api' },
      versions: [
        { name: 'stable', weight: 90, endpoints: { static: endpoints(1) } },
        { name: 'canary', weight: 10, endpoints: { static: endpoints(101) } }
      ]
    }
  })
}
