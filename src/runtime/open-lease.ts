import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import { Random } from '../core/random.ts'
import type { LeaseHolder } from '../kube/lease-holder.ts'
import type { ControlMetrics } from '../telemetry/control-metrics.ts'
import { createKubeClient } from './create-discovery.ts'
import { replicaName } from './replica-name.ts'

export interface LeaseDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly metrics: Pick<ControlMetrics, 'leaseChanged'>
  /** Different for each process. */
  readonly instance: string
}

/**
 * The Lease of the replicas that share their state in Kubernetes. It has the name of their ConfigMap, so that those who share the one share
 * the other.
 * @returns undefined where nothing is shared
 */
export async function openLease (
  { state, kubernetes, replicas }: Pick<Config, 'state' | 'kubernetes' | 'replicas'>, { clock, log, metrics, instance }: LeaseDeps
): Promise<LeaseHolder | undefined> {
  if (state.store !== 'kubernetes') return undefined
  const { LeaseHolder } = await import('../kube/lease-holder.ts')
  const random = new Random()
  return new LeaseHolder({
    api: createKubeClient({ kubernetes }, clock),
    name: state.name,
    namespace: kubernetes.namespace,
    // As client-go has it: a name for people, and a part that a new process of the same name does not have.
    identity: `${replicaName(replicas?.name)}_${instance}`,
    clock,
    random: () => random.nextFraction(),
    log,
    onChange: change => { metrics.leaseChanged(change) }
  })
}
