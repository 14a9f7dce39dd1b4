import type { EndpointHealth } from './endpoint-health.ts'

/** Something that has the health of an endpoint: what is chosen from. */
export interface HealthMember {
  readonly health: EndpointHealth
}

/** The members that requests may go to. */
export interface UsableMembers<Member> {
  /** In the order of the members; the same array when it is all of them. */
  readonly members: readonly Member[]
  /** So few are available that all are used: what is left would only be crushed by the load of the others. */
  readonly panic: boolean
}

/**
 * Chooses the members to use: the available ones, or all of them when their share is below the threshold. Without a threshold (0) those
 * that fail an active check stay out, even if nothing is left, but ejections alone never leave nothing.
 * @param panicThreshold 0 to 1
 */
export function usableMembers<Member extends { readonly health: Pick<EndpointHealth, 'available' | 'checkFailing'> }> (
  members: readonly Member[], panicThreshold: number
): UsableMembers<Member> {
  const available = members.filter(({ health }) => health.available)
  if (available.length === members.length) return { members, panic: false }
  if (available.length < members.length * panicThreshold) return { members, panic: true }
  if (available.length > 0) return { members: available, panic: false }
  return { members: members.filter(({ health }) => !health.checkFailing), panic: false }
}
