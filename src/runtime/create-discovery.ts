/**
 * Where endpoints come from, with what is logged and counted about it.
 */
import { ownPortsOf } from '../config/address-rules.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { EndpointRegistry, OWN_NAMESPACE, type EndpointRegistryOptions } from '../discovery/endpoint-registry.ts'
import { CredentialPlugins } from '../kube/credential-plugin.ts'
import { KubeClient } from '../kube/kube-client.ts'
import { loadKubeCredentials } from '../kube/kube-credentials.ts'
import type { Logger } from '../core/logger.ts'
import { DiscoveryLog } from '../discovery/discovery-log.ts'

export interface DiscoveryDeps extends Pick<EndpointRegistryOptions, 'onEndpoints' | 'onEndpointChange' | 'together'> {
  readonly clock: Clock
  readonly log: Logger
  /** Told of every failure of a watch, by the name of its namespace and the kind of the error. */
  readonly onWatchFailure: (namespace: string, kind: string) => void
  readonly onSynced: () => void
}

/** The Kubernetes API as the configuration says to reach it. It costs nothing before the first request. */
export function createKubeClient ({ kubernetes }: Pick<Config, 'kubernetes'>, clock: Clock): KubeClient {
  const { kubeconfig, context } = kubernetes
  const plugins = new CredentialPlugins(clock)
  return new KubeClient({ loadCredentials: async () => await loadKubeCredentials({ kubeconfig, context, plugins }), clock })
}

/** @throws RangeError for a malformed entry of `allowAddresses` */
export function createDiscovery (config: Pick<Config, 'kubernetes' | 'listeners' | 'admin'>, deps: DiscoveryDeps): EndpointRegistry {
  const { clock, log } = deps
  const { namespace, allowAddresses, ipFamily, zone, node } = config.kubernetes
  const random = new Random()
  const said = new DiscoveryLog(log, clock)
  return new EndpointRegistry({
    api: createKubeClient(config, clock),
    clock,
    random: () => random.nextFraction(),
    namespace,
    allowAddresses,
    ipFamily,
    // Listeners and the admin API stay where they are until a restart.
    ownPorts: ownPortsOf(config),
    ...placeOf(zone, node),
    ...(deps.together === undefined ? {} : { together: deps.together }),
    onEndpoints: deps.onEndpoints,
    onEndpointChange: deps.onEndpointChange,
    onSynced: deps.onSynced,
    onProblem: (route, version, problem, before) => { said.versionChanged(route, version, problem, before) },
    onFailure: failure => {
      deps.onWatchFailure(failure.namespace ?? OWN_NAMESPACE, failure.error.kind)
      said.watchFailed(failure)
    },
    onRecovery: (objects, where, recovery) => { said.watchRecovered(objects, where, recovery) }
  })
}

/** Empty is what the downward API gives for a label that is not there. */
function placeOf (zone = '', node = ''): Pick<EndpointRegistryOptions, 'place'> {
  if (zone === '' && node === '') return {}
  return { place: { ...(zone === '' ? {} : { zone }), ...(node === '' ? {} : { node }) } }
}
