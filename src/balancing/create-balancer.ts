import { assertNever } from '../core/assert-never.ts'
import type { Affinity, BalancingName } from '../contract/route-spec.ts'
import type { Balancer } from './balancer.ts'
import { LeastRequest } from './least-request.ts'
import { Rendezvous } from './rendezvous.ts'
import { RoundRobin } from './round-robin.ts'

/**
 * The balancer that a route asks for. `affinity.level: endpoint` can only be kept by rendezvous, whatever `balancing` says.
 * @param random 32 random bits for each call, signed or unsigned
 */
export function createBalancer (balancing: BalancingName, level: Affinity['level'], random: () => number): Balancer {
  if (level === 'endpoint') return new Rendezvous()
  switch (balancing) {
    case 'least-request': return new LeastRequest(random)
    case 'round-robin': return new RoundRobin(random)
    case 'rendezvous': return new Rendezvous()
    default: return assertNever(balancing)
  }
}
