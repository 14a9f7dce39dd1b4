import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { RouteConfig, VersionConfig } from '../../src/config/schema.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { Endpoint } from '../../src/core/endpoint.ts'
import { EndpointRegistry, type EndpointRegistryOptions } from '../../src/discovery/endpoint-registry.ts'
import type { OwnPlace } from '../../src/discovery/endpoint-slice.ts'
import { CredentialPlugins } from '../../src/kube/credential-plugin.ts'
import { KubeClient, type KubeClientLimits, DEFAULT_KUBE_CLIENT_LIMITS } from '../../src/kube/kube-client.ts'
import { loadKubeCredentials } from '../../src/kube/kube-credentials.ts'
import type { KubeError } from '../../src/kube/kube-api.ts'
import { DEFAULT_LIST_WATCH_TUNING, type ListWatchTuning } from '../../src/kube/list-watch.ts'
import type { KubeApiServer } from './kube-api-server.ts'
import { ROUTE_DEFAULTS } from './route-defaults.ts'
import { takeOverNow } from './take-over.ts'

/** Everything a hundred times faster than in life, except what would make a test depend on the speed of the machine. */
const FAST_TUNING: ListWatchTuning = {
  ...DEFAULT_LIST_WATCH_TUNING,
  backoffBaseMs: 5,
  backoffMaxMs: 40,
  stableMs: 200,
  silenceMs: 20_000,
  maxRetryAfterMs: 50,
  pageSize: 3
}

/** The system's clock with timers that keep the process alive: a test that waits for a retry has nothing else that does. */
export const TEST_CLOCK: Clock = {
  ...systemClock,
  after (delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => { clearTimeout(timer) } }
  }
}

export interface FollowOptions {
  readonly versions?: readonly VersionConfig[]
  readonly tuning?: Partial<ListWatchTuning>
  readonly limits?: Partial<KubeClientLimits>
  readonly kubeconfig?: string
  readonly allowAddresses?: readonly string[]
  readonly place?: OwnPlace
  readonly together?: EndpointRegistryOptions['together']
  readonly onProblem?: EndpointRegistryOptions['onProblem']
  /** Told of the ready endpoints of a version, whenever they may have changed. */
  readonly onTold?: (version: string, keys: string) => void
}

/** Weir's discovery against an API server double: registry, real client, real sockets. Ends with the test. */
export interface Follower {
  readonly registry: EndpointRegistry
  readonly failures: KubeError[]
  /** The keys of the version's ready endpoints: `192.0.2.11:8080`. */
  ready (version?: string): readonly string[]
  /** Resolves when the condition holds; it is checked after every notice of endpoints and every failure. */
  until (condition: () => boolean): Promise<void>
}

const WEB: VersionConfig = { name: 'web', weight: 1, endpoints: { service: 'web', port: 'http' } }

/** A kubeconfig client of the double; ends nothing by itself. */
export async function clientOf (t: Test, kubeconfig: string, limits: Partial<KubeClientLimits> = {}): Promise<KubeClient> {
  const path = join(t.testdir({}), 'kubeconfig')
  await writeFile(path, kubeconfig)
  return new KubeClient({
    loadCredentials: async () => await loadKubeCredentials({ kubeconfig: path, plugins: new CredentialPlugins(TEST_CLOCK) }),
    clock: TEST_CLOCK,
    limits: { ...DEFAULT_KUBE_CLIENT_LIMITS, ...limits }
  })
}

export async function follow (t: Test, server: KubeApiServer, options: FollowOptions = {}): Promise<Follower> {
  const waiting = new Set<() => void>()
  const failures: KubeError[] = []
  const changed = (): void => { for (const check of waiting) check() }
  const told = (_route: string, version: string): void => {
    options.onTold?.(version, keysOf(version).join())
    changed()
  }
  const keysOf = (version: string): readonly string[] => registry.endpointsOf('route', version).filter(endpoint => endpoint.ready).map(textOf)
  const registry = new EndpointRegistry({
    api: await clientOf(t, options.kubeconfig ?? server.kubeconfig(), options.limits),
    clock: TEST_CLOCK,
    random: Math.random,
    tuning: { ...FAST_TUNING, ...options.tuning },
    coalesceMs: 5,
    allowAddresses: options.allowAddresses ?? [],
    ...(options.place === undefined ? {} : { place: options.place }),
    together: work => {
      (options.together ?? (task => { task() }))(work)
      changed()
    },
    onProblem: options.onProblem ?? (() => {}),
    onEndpoints: told,
    onEndpointChange: told,
    onFailure: failure => {
      failures.push(failure.error)
      changed()
    }
  })
  t.teardown(async () => { await registry.stop() })
  takeOverNow(registry.prepare([routeOf(options.versions ?? [WEB])]))
  return {
    registry,
    failures,
    ready: (version = 'web') => keysOf(version),
    async until (condition) {
      if (condition()) return
      await new Promise<void>(resolve => {
        const check = (): void => {
          if (!condition()) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
      })
    }
  }
}

function routeOf (versions: readonly VersionConfig[]): RouteConfig {
  return { ...ROUTE_DEFAULTS, name: 'route', versions: [...versions] }
}

function textOf ({ address, port }: Endpoint): string {
  return `${address}:${port}`
}
