/**
 * How many pods each ReplicaSet of a Deployment has next: the rules of the Deployment controller of Kubernetes for `RollingUpdate`
 * (kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment), played by the lab. Pure.
 */

/** What a Deployment asks for. */
export interface RolloutGoal {
  readonly replicas: number
  /** So many pods more than `replicas` there may be. */
  readonly maxSurge: number
  /** So many pods fewer than `replicas` may be available. */
  readonly maxUnavailable: number
}

/** A ReplicaSet as the rules see it. Pods that end do not count. */
export interface ReplicaSetCounts {
  /** How many pods it is to have. */
  readonly wanted: number
  /** How many of its pods are ready. */
  readonly available: number
}

/** What the ReplicaSets are to have: the one of the Deployment's template, and the others from the oldest on. */
export interface RolloutStep {
  readonly fresh: number
  readonly old: readonly number[]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/**
 * One step of a rolling update: the new ReplicaSet grows as far as the surge allows; only when it can't, old ones shrink as far as enough
 * pods stay available. Called again after each change it comes to an end, when the new one has all replicas and the others have none.
 */
export function nextRolloutStep (goal: RolloutGoal, fresh: ReplicaSetCounts, old: readonly ReplicaSetCounts[]): RolloutStep {
  const unchanged = old.map(({ wanted }) => wanted)
  const total = fresh.wanted + sum(unchanged)
  if (fresh.wanted > goal.replicas) return { fresh: goal.replicas, old: unchanged }
  const room = Math.min(goal.replicas + goal.maxSurge - total, goal.replicas - fresh.wanted)
  if (room > 0) return { fresh: fresh.wanted + room, old: unchanged }
  return { fresh: fresh.wanted, old: shrink(goal, fresh, old) }
}

/** Those that are not available go first: nobody misses them. Then the oldest. */
function shrink (goal: RolloutGoal, fresh: ReplicaSetCounts, old: readonly ReplicaSetCounts[]): readonly number[] {
  const minimum = goal.replicas - goal.maxUnavailable
  const total = fresh.wanted + sum(old.map(({ wanted }) => wanted))
  let spare = total - minimum - (fresh.wanted - fresh.available)
  if (spare <= 0) return old.map(({ wanted }) => wanted)
  const healthy = old.map(({ wanted, available }) => {
    const gone = Math.min(spare, wanted - available)
    spare -= gone
    return wanted - gone
  })
  let surplus = Math.max(0, fresh.available + sum(old.map(({ available }) => available)) - minimum)
  return healthy.map(wanted => {
    const gone = Math.min(surplus, wanted)
    surplus -= gone
    return wanted - gone
  })
}

/**
 * What a Deployment that is paused does when it is scaled: the one ReplicaSet that has pods gets them all. Of several each gets its part of
 * the new number and the surge, in proportion to what it has, so that the rollout stays where it stands.
 * @param counts how many pods each is to have now, from the oldest on
 */
export function scaleStandingStill ({ replicas, maxSurge }: RolloutGoal, counts: readonly number[]): readonly number[] {
  const newest = Math.max(0, counts.findLastIndex(count => count > 0))
  const active = counts.filter(count => count > 0).length
  if (active <= 1) return counts.map((_, index) => index === newest ? replicas : 0)
  const allowed = replicas === 0 ? 0 : replicas + maxSurge
  const shares = counts.map(count => Math.floor(count * allowed / sum(counts)))
  // What rounding leaves goes to the newest.
  return shares.map((share, index) => index === newest ? share + allowed - sum(shares) : share)
}

/** A number of pods, or a part of the replicas such as `25%`: a surge is rounded up, what may be unavailable down. */
export function resolvePods (value: unknown, replicas: number, round: (value: number) => number): number {
  const percent = typeof value === 'string' ? /^(\d{1,3})%$/.exec(value)?.[1] : undefined
  const pods = percent === undefined ? value : round(Number(percent) * replicas / 100)
  if (typeof pods === 'number' && Number.isInteger(pods) && pods >= 0) return pods
  throw new RangeError(`${JSON.stringify(value)} is neither a number of pods nor a part such as "25%"`)
}
