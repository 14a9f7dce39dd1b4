/** How long a pass still takes. */
import { type Comparison, projection } from './comparison.ts'

/** What a side by side comparison has come to, of failures or of slow answers. */
interface PassCourse {
  readonly comparison: Comparison
  readonly newRequests: number
  readonly newSigns: number
  readonly oldRequests: number
  readonly margin: number
  /** ln of the evidence for a pass, and of what it has to reach. */
  readonly lnPass: number
  readonly lnNeeded: number
}

/**
 * How many more requests of the new version until the pass test is there, if both versions go on like this; null: it does not get there.
 */
export function requestsToPass ({ comparison, newRequests, newSigns, oldRequests, margin, lnPass, lnNeeded }: PassCourse): number | null {
  const missing = lnNeeded - lnPass
  if (missing <= 0) return 0
  const b = comparison.oldShare
  const oldPerNew = newRequests === 0 ? 1 : oldRequests / newRequests
  if (!(margin > 0 && b + margin < 1)) return null
  const x = oldPerNew > 0 ? projection({ a: b, b, newRequests: 1, oldRequests: oldPerNew, margin }) : b
  // What few requests show of the new version counts for little against what is known of the old one.
  const now = (newSigns + 50 * b) / (newRequests + 50)
  const growth = now * Math.log(b / (x + margin)) + (1 - now) * Math.log((1 - b) / (1 - x - margin)) +
    oldPerNew * (b * Math.log(b / x) + (1 - b) * Math.log((1 - b) / (1 - x)))
  return growth > 0 ? Math.min(1e12, Math.ceil(missing / growth)) : null
}
