/**
 * One bad endpoint is not a bad version. Before a version fails it is asked whether nearly all that has gone wrong is the fault of one of
 * its endpoints. If so that one is ejected instead, and nothing of it is charged.
 */
import type { WorstEndpoint } from './endpoint-blame.ts'
import { expectedShare } from './comparison.ts'
import { lnThreshold, type Picture, type SignKind } from './picture.ts'
import type { RuleFinding, VerdictCode } from './verdict.ts'

/** All others together may have so much of what the worst endpoint has, beyond what is usual and so many standard deviations of that. */
const OTHERS_SHARE = 1 / 9
const OTHERS_DEVIATIONS = 2
/** So many the worst one has to have, and so many standard deviations more than if all endpoints were alike. */
const SOLE_COUNT = 4
const SOLE_DEVIATIONS = 2
/** The guards need no statistics, so they do not wait for more either. */
const GUARD_CODES: readonly VerdictCode[] = ['max_failures', 'error_share']
const WHAT: Readonly<Record<SignKind, string>> = { errors: 'failures', slow: 'slow answers' }

/** What went wrong, and how it is spread over the endpoints of the new version. */
interface Spread {
  readonly what: string
  readonly worst: WorstEndpoint
  readonly total: number
  /** What would have gone wrong if the new version were like the old one. */
  readonly usual: number
  /** The endpoints over which it is spread: those that are used, and the worst one. */
  readonly endpoints: number
}

/**
 * What is said instead of a fail by a rule with this code; undefined when the version is to blame. A second bad endpoint is the version's
 * fault.
 */
export function byOneEndpoint (picture: Picture, code: VerdictCode): RuleFinding | undefined {
  if (picture.blame.blamed !== null) return undefined
  const suspects = suspectsOf(picture, code)
  const found = suspects.find(suspect => isOneEndpoints(suspect) === 'yes')
  if (found !== undefined) {
    const { worst: { name, count }, total, what } = found
    const reason = `The ${what} are those of one endpoint, ${name}, and not of the new version: it has ${count} of ${total}.`
    return { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: name, reason }
  }
  const unclear = GUARD_CODES.includes(code) ? undefined : suspects.find(suspect => isOneEndpoints(suspect) === 'perhaps')
  if (unclear === undefined) return undefined
  const { worst: { name, count }, what } = unclear
  const reason = `All ${what} so far are those of one endpoint, ${name}, and ${count} are too few to tell whether that is chance.`
  return { verdict: 'undecided', code: 'one_endpoint', reason }
}

/** The blamed endpoint, while things go wrong there: it is to be kept out. */
export function keptOut ({ blame }: Picture): string | null {
  return blame.isFresh ? blame.blamed : null
}

/** While the blamed endpoint is kept out the version does not pass either. */
export function byBlame (picture: Picture): RuleFinding | undefined {
  const name = keptOut(picture)
  if (name === null) return undefined
  const { failures, slow } = picture.blame.excused
  const reason = `One endpoint, ${name}, has ${failures} failures and ${slow} slow answers and is ejected: they are not charged to the new version.`
  return { verdict: 'undecided', code: 'one_endpoint', reason }
}

/** How what a rule counts is spread. */
function suspectsOf (picture: Picture, code: VerdictCode): readonly Spread[] {
  switch (code) {
    case 'silence': return []
    case 'copies': return [spreadOfCopies(picture, 'errors'), spreadOfCopies(picture, 'slow')]
    case 'errors': return spreadsBySigns(picture, 'errors')
    case 'slow': return spreadsBySigns(picture, 'slow')
    case 'requests': return [spreadOf(picture, 'errors'), spreadOf(picture, 'slow')]
    default: return [spreadOf(picture, 'errors')]
  }
}

/** By requests. */
function spreadOf ({ blame, allTo, usedTo, ...picture }: Picture, kind: SignKind): Spread {
  const count = kind === 'errors' ? 'failures' : 'slow'
  const worst = blame.worst(count)
  return {
    what: WHAT[kind],
    worst,
    total: allTo[count],
    usual: picture[kind].comparison.oldShare * allTo.requests,
    endpoints: endpointsWith(usedTo, worst.name)
  }
}

/** By clients and by requests. The clients that are left without those of the worst endpoint must not be evidence enough. */
function spreadsBySigns (picture: Picture, kind: SignKind): readonly Spread[] {
  const { from, shownTo, usedTo, settings } = picture
  const { label } = picture[kind]
  const { worstEndpoint: worst, signs, signsOnNew } = label
  if (worst === undefined || label.lnEvidence(worst.name) >= lnThreshold(settings, kind)) return []
  const byRequests = spreadOf(picture, kind)
  return [{
    what: WHAT[kind],
    worst: { name: worst.name, count: worst.signs },
    total: signsOnNew,
    usual: expectedShare(signs - signsOnNew, from.requests) * shownTo.requests,
    endpoints: endpointsWith(usedTo, worst.name)
  }, ...(byRequests.worst.name === worst.name ? [byRequests] : [])]
}

function spreadOfCopies ({ blame, copies, usedTo }: Picture, kind: SignKind): Spread {
  const { newAlone, oldAlone } = copies[kind]
  const worst = blame.worstByCopies(kind === 'errors' ? 'failed' : 'slow')
  return {
    what: `${WHAT[kind]} of copies`,
    worst,
    total: newAlone,
    usual: oldAlone,
    endpoints: endpointsWith(usedTo, worst.name)
  }
}

/** The worst one may be ejected already; where it alone is used, it is the version. */
function endpointsWith (used: readonly string[], worst: string): number {
  return new Set([...used, worst]).size
}

/** `perhaps`: all of it is one endpoint's, and too little to tell whether that is chance. */
function isOneEndpoints ({ worst: { count }, total, usual, endpoints }: Spread): 'yes' | 'perhaps' | 'no' {
  if (endpoints < 2 || count === 0) return 'no'
  const even = 1 / endpoints
  const usualOfOthers = usual * (1 - even)
  if (total - count > usualOfOthers + OTHERS_DEVIATIONS * Math.sqrt(usualOfOthers) + OTHERS_SHARE * count) return 'no'
  const deviations = (count - total * even) / Math.sqrt(total * even * (1 - even))
  if (count >= SOLE_COUNT && deviations >= SOLE_DEVIATIONS) return 'yes'
  return count >= total && count < SOLE_COUNT ? 'perhaps' : 'no'
}
