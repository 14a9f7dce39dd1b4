/**
 * Where endpoints come from, with what is logged and counted about it.
 */
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { EndpointRegistry, type EndpointRegistryOptions, type WatchFailure } from '../discovery/endpoint-registry.ts'
import { CredentialPlugins } from '../kube/credential-plugin.ts'
import { KubeClient } from '../kube/kube-client.ts'
import { loadKubeCredentials } from '../kube/kube-credentials.ts'
import type { Logger } from '../telemetry/logger.ts'
import { ThrottledLogger } from '../telemetry/throttled-logger.ts'
import { nameSome } from './name-some.ts'

const RANDOM_RANGE = 2 ** 32

/** What logs and metrics call the namespace of the credentials. */
const OWN_NAMESPACE = '(own)'

export interface DiscoveryDeps extends Pick<EndpointRegistryOptions, 'onEndpoints' | 'onEndpointChange'> {
  readonly clock: Clock
  readonly log: Logger
  /** Told of every failure of a watch, by the name of its namespace and the kind of the error. */
  readonly onWatchFailure: (namespace: string, kind: string) => void
  readonly onSynced: () => void
}

/** @throws RangeError for a malformed entry of `allowAddresses` */
export function createDiscovery (config: Config['kubernetes'], deps: DiscoveryDeps): EndpointRegistry {
  const { clock, log } = deps
  const { kubeconfig, context, namespace, allowAddresses, ipFamily } = config
  const random = new Random()
  const watches = new WatchLog(log, clock)
  const plugins = new CredentialPlugins(clock)
  return new EndpointRegistry({
    api: new KubeClient({ loadCredentials: async () => await loadKubeCredentials({ kubeconfig, context, plugins }), clock }),
    clock,
    random: () => random.nextUint32() / RANDOM_RANGE,
    namespace,
    allowAddresses,
    ipFamily,
    onEndpoints: deps.onEndpoints,
    onEndpointChange: deps.onEndpointChange,
    onSynced: deps.onSynced,
    onProblem: (route, version, problem) => {
      if (problem === undefined) log.info('the version has endpoints now', { route, version })
      else log.warn('the version has no endpoints to use', { route, version, problem: problem.kind, detail: problem.detail })
    },
    onFailure: (failure) => {
      deps.onWatchFailure(failure.namespace ?? OWN_NAMESPACE, failure.error.kind)
      watches.failed(failure)
    },
    onRecovery: (where, { failures, afterMs }) => {
      log.info('the watch of EndpointSlices has recovered', { namespace: where ?? OWN_NAMESPACE, failures, afterMs: Math.round(afterMs) })
    }
  })
}

/** One namespace that fails must not keep the failure of another out of the log, so each has its own throttle. */
class WatchLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #throttled = new Map<string, ThrottledLogger>()

  constructor (log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  failed ({ namespace = OWN_NAMESPACE, error, retryInMs, waiting, known }: WatchFailure): void {
    const log = this.#throttled.get(namespace) ?? new ThrottledLogger(this.#log, this.#clock)
    this.#throttled.set(namespace, log)
    log.warn(`the watch of EndpointSlices failed; ${meanwhile(waiting, known)}`, {
      namespace,
      error: error.message,
      retryInMs: Math.round(retryInMs),
      ...(waiting.length === 0 ? {} : { waiting: nameSome(waiting) })
    })
  }
}

function meanwhile (waiting: readonly string[], known: number): string {
  if (known > 0) return 'the last known endpoints are used meanwhile'
  return waiting.length > 0 ? 'versions wait for their first endpoints' : 'no endpoints are known'
}
