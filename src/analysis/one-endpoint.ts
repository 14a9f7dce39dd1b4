/**
 * One bad endpoint is not a bad version. Before a version fails it is asked whether nearly all that has gone wrong is the fault of one of
 * its endpoints. If so that one is ejected instead, and nothing of it is charged.
 */
import { expectedShare } from './comparison.ts'
import type { BlameKind, WorstEndpoint } from './endpoint-blame.ts'
import { HEAVY_SHARE, heavyShare, lnThreshold, type Picture, type SignKind } from './picture.ts'
import type { RuleFinding, VerdictCode } from './verdict.ts'

/** All others together may have so much of what the worst endpoint has, beyond what is usual and so many standard deviations of that. */
const OTHERS_SHARE = 1 / 9
const OTHERS_DEVIATIONS = 2
/** So many the worst one has to have, and so many standard deviations more than if all endpoints were alike. */
const SOLE_COUNT = 4
const SOLE_DEVIATIONS = 2
/** So much has to be known by endpoint before it says that it is not one endpoint's. A replica of an older Weir tells nothing of it. */
const TOLD_SHARE = 0.9
/** A cap is a cap: it does not wait for more. */
const CAP: VerdictCode = 'max_failures'
const COUNT = { errors: 'failures', slow: 'slow' } as const satisfies Record<SignKind, BlameKind>
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
 * What is said instead of a fail; undefined when the version is to blame. A second bad endpoint is the version's fault.
 * @param fail what a rule has found
 */
export function byOneEndpoint (picture: Picture, fail: RuleFinding): RuleFinding | undefined {
  if (picture.blame.blamed !== null) return undefined
  const { about = 'errors', code } = fail
  if (about === 'different' || code === 'silence') return undefined
  const spreads = spreadsOf(picture, code, about)
  const answers = spreads.map(isOneEndpoints)
  const [worst] = spreads.filter((_, index) => answers[index] === 'yes')
  if (worst !== undefined) {
    const { worst: { name, count }, total, what } = worst
    const reason = `The ${what} are those of one endpoint, ${name}, and not of the new version: it has ${count} of ${total}.`
    return { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: name, about, reason }
  }
  if (code === CAP || answers.includes('no')) return undefined
  const unclear = spreads[answers.indexOf('perhaps')]
  if (unclear === undefined) return undefined
  const { worst: { name, count }, what } = unclear
  const reason = `All ${what} so far are those of one endpoint, ${name}, and ${count} are too few to tell whether that is chance.`
  return { verdict: 'undecided', code: 'one_endpoint', reason }
}

/** The blamed endpoint, while it is bad: it is to be kept out. */
export function keptOut ({ blame }: Picture): string | null {
  return blame.isFresh ? blame.blamed : null
}

/** What a reader of the numbers has to know beside what a rule says; empty while nobody is blamed. */
export function excusedText ({ blame }: Picture): string {
  if (blame.blamed === null) return ''
  return ` What one endpoint, ${blame.blamed}, has had (${blame.excused.failures} failures, ${blame.excused.slow} slow answers) is not charged.`
}

/** While the blamed endpoint is kept out the version does not pass either. */
export function byBlame (picture: Picture): RuleFinding | undefined {
  const name = keptOut(picture)
  if (name === null) return undefined
  const { blame } = picture
  const has = `One endpoint, ${name}, has ${blame.excused.failures} failures and ${blame.excused.slow} slow answers`
  const reason = blame.isCharged
    ? `${has} and can't be kept out: what goes wrong there is charged to the new version from now on.`
    : `${has} and is ejected: they are not charged to the new version.`
  return { verdict: 'undecided', code: 'one_endpoint', reason }
}

/** How what a rule counts is spread. */
function spreadsOf (picture: Picture, code: VerdictCode, kind: SignKind): readonly Spread[] {
  if (code === 'copies') return [spreadOfCopies(picture, kind)]
  return code === 'errors' || code === 'slow' ? spreadsBySigns(picture, kind) : [spreadOf(picture, kind)]
}

/** By requests. */
function spreadOf ({ blame, usedTo, ...picture }: Picture, kind: SignKind): Spread {
  const count = COUNT[kind]
  const worst = blame.worst(count)
  return {
    what: WHAT[kind],
    worst,
    total: blame.total[count],
    // Of an outage the cap knows what the old version has had at the same time.
    usual: Math.max(picture[kind].comparison.oldShare * blame.total.requests, kind === 'errors' ? picture.blast.predicted : 0),
    endpoints: endpointsWith(usedTo, worst.name)
  }
}

/**
 * By clients and by requests. The clients that are left without those of the worst endpoint must not be evidence enough, and where requests
 * are spread evenly those few first failures have met one endpoint by chance, unless it is one client that has spread them.
 */
function spreadsBySigns (picture: Picture, kind: SignKind): readonly Spread[] {
  const { blame, from, shownTo, usedTo, settings } = picture
  const { label } = picture[kind]
  const { worstEndpoint: worst, signs, signsOnNew } = label
  if (worst === undefined || label.lnEvidence(worst.name) >= lnThreshold(settings, kind)) return []
  const byRequests = spreadOf(picture, kind)
  const isOneClients = kind === 'errors' && heavyShare(picture) >= HEAVY_SHARE
  const isTold = blame.told(COUNT[kind]) >= TOLD_SHARE * byRequests.total
  if (isTold && byRequests.total >= SOLE_COUNT && isOneEndpoints(byRequests) === 'no' && !isOneClients) return [byRequests]
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
