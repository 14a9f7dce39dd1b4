/**
 * This replica among others, or the only one that there is. What several of them need is loaded only where the configuration asks for it.
 */
import type { AdminReplicas } from '../admin/admin-deps.ts'
import type { Config } from '../config/schema.ts'
import { CidrSet } from '../core/cidr-set.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { Random } from '../core/random.ts'
import { OWN_NAMESPACE } from '../discovery/endpoint-registry.ts'
import { NamespaceSlices } from '../discovery/namespace-slices.ts'
import { DEFAULT_LIST_WATCH_TUNING } from '../kube/list-watch.ts'
import { ServiceSource } from '../discovery/service-source.ts'
import type { LedRollout } from '../replicas/evidence-gatherer.ts'
import type { OwnFacts } from '../replicas/own-facts.ts'
import { ReplicaBook } from '../replicas/replica-book.ts'
import { createKubeClient } from './create-discovery.ts'

/** What the composition needs of the replicas. */
export interface RunningReplicas {
  readonly forAdmin: AdminReplicas
  /** Begins to look for the others; the admin API is open by then. */
  start (): void
  stop (): Promise<void>
}

interface ReplicasDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly own: OwnFacts
  /** The rollouts whose steps this replica makes. */
  readonly led: () => readonly LedRollout[]
  readonly onWatchFailure: (namespace: string | undefined, kind: string) => void
}

/** Reads nothing yet. */
export async function createReplicas (config: Config, deps: ReplicasDeps): Promise<RunningReplicas> {
  const { replicas } = config
  if (replicas?.service === undefined || replicas.secretFile === undefined) return onlyOne(deps)
  const { service, secretFile } = replicas
  const { clock, log, own, led } = deps
  const { slices, source } = followReplicas({ ...replicas, service }, config.kubernetes, deps)
  const [{ ReplicaCluster }, { ReplicaSecret }] = await Promise.all([
    import('../replicas/replica-cluster.ts'), import('../replicas/replica-secret.ts')
  ])
  const random = new Random()
  const cluster = new ReplicaCluster({
    clock, log, own, source, led, secret: new ReplicaSecret(secretFile, clock, log), random: () => random.nextFraction()
  })
  return {
    forAdmin: {
      list: () => cluster.list(),
      others: {
        gate: cluster.gate,
        answer: async query => await own.answer(query),
        converge: async change => await cluster.converge(change),
        route: async name => await cluster.route(name)
      }
    },
    start: () => { cluster.start() },
    stop: async () => {
      await cluster.stop()
      await slices.stop()
    }
  }
}

/**
 * A watch that says nothing for so long is given up and a list is read: API servers send a bookmark each minute, a few seconds late at
 * worst, and until then nobody knows of a replica that a hung watch does not tell of. A false alarm costs one small list.
 */
const REPLICAS_TUNING = { ...DEFAULT_LIST_WATCH_TUNING, silenceMs: 75_000 }

/**
 * The slices of the Service of the replicas, by a list and a watch of their own: those of one Service are few in any namespace.
 */
function followReplicas (
  replicas: NonNullable<Config['replicas']> & { readonly service: string }, kubernetes: Config['kubernetes'],
  { clock, log, onWatchFailure }: ReplicasDeps
): { readonly slices: NamespaceSlices, readonly source: ServiceSource } {
  const namespace = replicas.namespace ?? kubernetes.namespace
  const random = new Random()
  const slices = new NamespaceSlices(namespace, {
    tuning: REPLICAS_TUNING,
    api: createKubeClient({ kubernetes }, clock),
    clock,
    random: () => random.nextFraction(),
    onFailure: (where, error, retryInMs) => {
      onWatchFailure(where, error.kind)
      log.warn('the watch of the EndpointSlices of the replicas failed; those that are known are asked meanwhile', {
        namespace: where ?? OWN_NAMESPACE, service: replicas.service, error: error.message, retryInMs: Math.round(retryInMs)
      })
    },
    onRecovery: (where, { failures }) => {
      log.info('the watch of the EndpointSlices of the replicas has recovered', { namespace: where ?? OWN_NAMESPACE, service: replicas.service, failures })
    }
  }, replicas.service)
  // Its own admin API is one of those that are asked, so no port of Weir's own is left out.
  const source = new ServiceSource({
    namespace: slices,
    namespaceName: namespace,
    service: replicas.service,
    port: replicas.port,
    allowed: new CidrSet(kubernetes.allowAddresses),
    ipFamily: kubernetes.ipFamily
  })
  return { slices, source }
}

function onlyOne ({ clock, own }: ReplicasDeps): RunningReplicas {
  const book = new ReplicaBook(clock, { facts: () => own.facts(), routes: () => own.routes() })
  return {
    forAdmin: { list: () => ({ replicas: book.all(), unknown: undefined }), others: undefined },
    start: () => {},
    stop: async () => {}
  }
}
