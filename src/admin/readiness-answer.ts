/**
 * What /readyz says: on the port of the admin API and on that for probes.
 */
import type { Readiness } from '../control/readiness-facts.ts'

export interface ReadinessAnswer {
  readonly ready: boolean
  readonly reasons: string[]
}

/** For everybody: without a name of the configuration. */
export function readinessForAll ({ ready, own, waiting }: Readiness): ReadinessAnswer {
  return { ready, reasons: waiting === 0 ? [...own] : [...own, howManyWait(waiting)] }
}

/** For those who may read routes. */
export function readinessWithNames ({ ready, own, ofVersions }: Readiness): ReadinessAnswer {
  return { ready, reasons: [...own, ...ofVersions()] }
}

function howManyWait (count: number): string {
  return count === 1 ? '1 version has not had its first list of endpoints' : `${count} versions have not had their first list of endpoints`
}
