/**
 * The rules of a verdict in their order: guards, tests, pass. The first that has something to say speaks.
 */
import type { SideCounts } from '../contract/rollout-watch.ts'
import type { AloneTest } from './alone-test.ts'
import type { AnalysisSettings } from './analysis-settings.ts'
import type { BlastGuard } from './blast-guard.ts'
import type { Comparison } from './comparison.ts'
import type { CopyEvidence } from './copy-evidence.ts'
import { requestsToPass } from './requests-to-pass.ts'
import { shareInterval } from './share-interval.ts'
import { evidenceText, shareText, requestsText, signsText } from './evidence-text.ts'
import { type LabelTest, lnMean } from './label-test.ts'
import type { RecentOutcomes } from './recent-window.ts'
import type { SilenceGuard } from './silence-guard.ts'
import { type RuleFinding, numberFrom, type TestNumbers, type Verdict, type VerdictNeeds, type VersionNumbers } from './verdict.ts'

/** All that is known of one kind of sign: failures, or slow answers. */
interface KindEvidence {
  readonly label: LabelTest
  readonly comparison: Comparison
  readonly alone: AloneTest
}

/** All that the rules look at. */
export interface Picture {
  readonly settings: AnalysisSettings
  readonly elapsedMs: number
  readonly endpointsTo: number
  /** Since the warm-up. */
  readonly from: SideCounts
  readonly to: SideCounts
  /** Since the beginning. */
  readonly guardFrom: SideCounts
  readonly guardTo: SideCounts
  /** What the match of the rollout has brought to the new version since the beginning. No test counts it. */
  readonly matched: SideCounts
  /** Of the new version, both together: what the guards count. */
  readonly allTo: SideCounts
  readonly errors: KindEvidence
  readonly slow: KindEvidence
  readonly pairs: Comparison
  readonly copies: CopyEvidence
  /** Of the old version, then of the new one. */
  readonly halves: readonly [readonly [Comparison, Comparison], readonly [Comparison, Comparison]]
  readonly blast: BlastGuard
  readonly recent: RecentOutcomes
  readonly silence: SilenceGuard
  readonly clients: number | null
  readonly heaviest: ReadonlyArray<readonly [key: string, failures: number]>
  readonly blamed: string | null
}

type Kind = 'errors' | 'slow'

/** How alpha is shared among the tests that can fail a version, so that all of them together keep to it. The sum of both is 1. */
const ALPHA_SHARES = { errors: 0.4, slow: 0.4, requests: 0.1, slowRequests: 0.03, pairs: 0.03 } as const
const COPY_SHARES = { errors: 0.02, slow: 0.01, different: 0.01 } as const

/** With fewer clients the label test is slow: each speaks once. */
const FEW_CLIENTS = 40
/** Evidence that requests are no independent coins on this route. */
const SENTINEL = 20
/** Evidence that clients whose requests fail here would not have failed there as well. */
const RETRY_EVIDENCE = 20
/** A client with this share of the failures is named, and its failures condemn nobody. */
const HEAVY_SHARE = 0.5
/** The difference has to be there without so many of the heaviest clients. */
const LEFT_OUT = 3
/** With so many times the requests of the old version the new one is alone. */
const ALONE_RATIO = 10
const SOLE_SHARE = 0.9
const SOLE_SIGNS = 4
const MIN_FAILURES_TO_NAME = 5
const DISPLAY_ALPHA = 0.05
/** How likely a guard may take what few requests have shown for more than chance. */
const GUARD_ALPHA = 0.001

const RULES: ReadonlyArray<(picture: Picture) => RuleFinding | undefined> = [
  bySilence, byBothFailing, byBlastCap, byErrorShare, byCopies, byTraffic, byWarmup, byFirstSigns, byPairs, byRequests, byPass, byOneClient
]

export function judge (picture: Picture): Verdict {
  let finding: RuleFinding | undefined
  for (const rule of RULES) {
    finding = rule(picture)
    if (finding !== undefined) break
  }
  const needs = isByCopies(picture) ? picture.copies.needs() : needsOf(picture)
  const { verdict, code, reason, pause = false, ejectEndpoint = null } = finding ?? moreNeeded(needs)
  const [heaviest] = picture.heaviest
  return {
    verdict,
    code,
    reason,
    pause,
    ejectEndpoint,
    from: versionNumbers(picture.from),
    to: versionNumbers(picture.to),
    errors: testNumbers(picture, 'errors'),
    slow: testNumbers(picture, 'slow'),
    pairs: picture.to.rescued + picture.to.bothFailed > 0 ? { evidence: numberFrom(picture.pairs.lnEvidence) } : null,
    sentinel: { evidence: numberFrom(lnSentinel(picture)), silent: isSilent(picture) },
    clients: picture.clients,
    heaviest: heaviest === undefined ? null : { key: heaviest[0], share: heavyShare(picture) },
    copies: picture.copies.numbers(COPY_SHARES),
    needs: verdict === 'undecided' ? needs : null
  }
}

/** The endpoint of the new version, one of several, to which nearly all first failures belong that would condemn it. */
export function soleEndpoint (picture: Picture): string | undefined {
  return soleOf(picture, 'errors') ?? soleOf(picture, 'slow')
}

function soleOf ({ settings, endpointsTo, blamed, ...picture }: Picture, kind: Kind): string | undefined {
  const { label } = picture[kind]
  const worst = label.worstEndpoint
  if (worst === undefined || worst.signs < SOLE_SIGNS || worst.signs < SOLE_SHARE * label.signsOnNew) return undefined
  // Once it is ejected the version may have one endpoint left; the failures are not that one's.
  if (endpointsTo < 2 && blamed !== worst.name) return undefined
  return label.lnEvidence() >= lnThreshold(settings, kind) ? worst.name : undefined
}

function bySilence ({ silence, settings }: Picture): RuleFinding | undefined {
  const silent = silence.silent(settings.silenceMs)
  const seconds = (silence.silentMs / 1_000).toFixed(1)
  if (silent === 'new') return { verdict: 'fail', code: 'silence', reason: `The new version has had requests for ${seconds} s and answered none.` }
  if (silent === 'no') return undefined
  return { verdict: 'undecided', code: 'both_fail', reason: `Neither version has answered a request for ${seconds} s.`, pause: true }
}

/** Both versions fail alike, now: that is not the new one's fault, and no time to go on. */
function byBothFailing (picture: Picture): RuleFinding | undefined {
  const { settings: { maxErrorShare, minRequests }, recent: { requestsFrom, failuresFrom, requestsTo, failuresTo } } = picture
  if (maxErrorShare === null || requestsFrom < minRequests || requestsTo < minRequests) return undefined
  const [old, now] = [failuresFrom / requestsFrom, failuresTo / requestsTo]
  if (old <= maxErrorShare || now <= maxErrorShare || now > 2 * old) return undefined
  return {
    verdict: 'undecided', code: 'both_fail', reason: `Both versions fail: the old one ${shareText(old)}, the new one ${shareText(now)} lately.`, pause: true
  }
}

function byBlastCap (picture: Picture): RuleFinding | undefined {
  const { settings: { maxFailures }, blast, clients, allTo } = picture
  const hasMany = clients === null || clients >= FEW_CLIENTS
  // The lists have all failures of a client; those that the other version has made good are not charged.
  const charged = allTo.failures === 0 ? 0 : (allTo.failures - allTo.rescued - allTo.bothFailed) / allTo.failures
  const heavy = hasMany ? picture.heaviest.map(([, failures]) => Math.min(failures, allTo.failures) * charged) : []
  const known = knownBefore(picture)
  const most = known === undefined ? 0 : shareInterval(known.failures, known.requests, GUARD_ALPHA)[1]
  const { label } = picture.errors
  const beyond = blast.charged(heavy, maxFailures, most, picture.from.failures / Math.max(1, label.signs - label.signsOnNew))
  if (beyond < maxFailures) return undefined
  return {
    verdict: 'fail',
    code: 'max_failures',
    reason: `${Math.floor(beyond)} requests of users have failed on the new version beyond what the old one explains; maxFailures is ${maxFailures}.`
  }
}

/** Where nothing is beside the new version, its share of failures itself judges. */
function byErrorShare (picture: Picture): RuleFinding | undefined {
  const { settings: { maxErrorShare, maxErrorIncrease, minRequests }, recent, clients } = picture
  if (maxErrorShare === null || recent.requestsTo < minRequests || !isAlone(picture)) return undefined
  const isOneClient = (clients === null || clients >= FEW_CLIENTS) && heavyShare(picture) >= HEAVY_SHARE
  const share = recent.failuresTo / recent.requestsTo * (isOneClient ? 1 - heavyShare(picture) : 1)
  if (share <= maxErrorShare) return undefined
  const known = knownBefore(picture)
  const before = known === undefined ? 0 : known.failures / known.requests
  if (before > maxErrorShare && share <= before + maxErrorIncrease) {
    return {
      verdict: 'undecided', code: 'both_fail', reason: `The new version fails ${shareText(share)}, but the old one failed ${shareText(before)} before.`, pause: true
    }
  }
  // A few of twenty requests are above any limit by chance where the old version fails now and then too.
  if (known !== undefined && shareInterval(share * recent.requestsTo, recent.requestsTo, GUARD_ALPHA)[0] <= before) return undefined
  return {
    verdict: 'fail',
    code: 'error_share',
    reason: `The new version fails ${shareText(share)} of ${isMatchAlone(picture) ? 'the requests that its match brings' : 'its requests'} lately; maxErrorShare is ${shareText(maxErrorShare)}.`
  }
}

function isAlone (picture: Picture): boolean {
  const { recent: { requestsFrom, requestsTo }, settings: { minRequests } } = picture
  // The requests that are not those of the match are of others, and nothing to compare with.
  if (isMatchAlone(picture)) return true
  // In the first moments neither has many requests; that is no reason to judge one of them alone.
  return requestsFrom < minRequests && requestsTo >= ALONE_RATIO * requestsFrom
}

/** Has the new version no other requests than those of its match? */
function isMatchAlone ({ guardTo, matched }: Picture): boolean {
  return guardTo.requests === 0 && matched.requests > 0
}

/** The old version has answered well what copies of it were for. */
function byCopies ({ copies }: Picture): RuleFinding | undefined {
  return copies.fault(COPY_SHARES)
}

/** Without users of its own a version is judged by its copies alone. */
function isByCopies ({ guardTo, copies }: Picture): boolean {
  return guardTo.requests === 0 && copies.requests > 0
}

function byTraffic (picture: Picture): RuleFinding | undefined {
  if (isByCopies(picture)) return byWarmup(picture) ?? picture.copies.course()
  if (picture.guardTo.requests > 0) return undefined
  const reason = isMatchAlone(picture)
    ? `The new version has answered ${picture.matched.requests} requests that its match has brought, which the guards look at, and no other one: there is nothing to compare.`
    : 'The new version has answered no request yet.'
  return { verdict: 'undecided', code: 'no_traffic', reason }
}

function byWarmup ({ elapsedMs, settings: { warmupMs } }: Picture): RuleFinding | undefined {
  if (elapsedMs >= warmupMs) return undefined
  const seconds = Math.ceil((warmupMs - elapsedMs) / 1_000)
  return { verdict: 'undecided', code: 'warmup', reason: `The warm-up is left out of the verdict: ${seconds} s of it are left.` }
}

function byFirstSigns (picture: Picture): RuleFinding | undefined {
  return byFirst(picture, 'errors') ?? byFirst(picture, 'slow')
}

function byFirst (picture: Picture, kind: Kind): RuleFinding | undefined {
  const { label } = picture[kind]
  const needed = lnThreshold(picture.settings, kind)
  const difference = differenceOf(picture, kind)
  if (label.lnEvidence() < needed || difference < allowedOf(picture.settings, kind)) return undefined
  const sole = soleOf(picture, kind)
  if (sole !== undefined && label.lnEvidence(sole) < needed) {
    const what = kind === 'errors' ? 'failures' : 'slow answers'
    return {
      verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: sole, reason: `The ${what} are those of one endpoint, ${sole}, and not of the new version.`
    }
  }
  const numbers = requestsText(kind, shareOf(picture.to, kind), shareOf(picture.from, kind))
  return { verdict: 'fail', code: kind, reason: `${numbers} ${signsText(kind, label)} ${evidenceText(label.lnEvidence(), needed)}` }
}

/** The other version has answered well what failed here. */
function byPairs (picture: Picture): RuleFinding | undefined {
  const { pairs, settings, to, from } = picture
  const needed = Math.log(1 / (settings.alpha * ALPHA_SHARES.pairs))
  if (soleEndpoint(picture) !== undefined || pairs.lnEvidence < needed || pairs.difference < settings.maxErrorIncrease) return undefined
  if (lnRetries(to, from) < Math.log(RETRY_EVIDENCE)) return undefined
  return {
    verdict: 'fail',
    code: 'pairs',
    reason: `${to.rescued} requests failed on the new version and were answered well by the old one, ${to.bothFailed} failed on both. ${evidenceText(pairs.lnEvidence, needed)}`
  }
}

/**
 * Do the clients whose requests fail here fail there too? If a version changed nothing, then repeating a failed request on the other
 * version would fail again at least as often as any request does (clients that fail often are among the failed ones more often), so this
 * compares how often it did with the share of failures here, as low as that may be.
 */
function lnRetries (to: SideCounts, from: SideCounts): number {
  const [low] = shareInterval(to.failures, to.requests, DISPLAY_ALPHA)
  const old = (from.failures + 0.5) / (from.requests + 50.5)
  if (low <= old || low >= 1) return 0
  return to.rescued * Math.log((1 - old) / (1 - low)) + to.bothFailed * Math.log(old / low)
}

/** Requests decide where clients can't: there are few of them, or the old version has no traffic any more. */
function byRequests (picture: Picture): RuleFinding | undefined {
  if (!isSilent(picture) || soleEndpoint(picture) !== undefined) return undefined
  return byRequestsOf(picture, 'errors') ?? byRequestsOf(picture, 'slow')
}

function byRequestsOf (picture: Picture, kind: Kind): RuleFinding | undefined {
  const { settings, clients } = picture
  const { comparison, alone } = picture[kind]
  const isFew = clients !== null && clients < FEW_CLIENTS
  const needed = Math.log(1 / (settings.alpha * (kind === 'errors' ? ALPHA_SHARES.requests : ALPHA_SHARES.slowRequests)))
  // Who the slow answers belong to is not told, so with few clients they can't be known to be more than one client's.
  const beside = isFew && kind === 'errors' ? comparison.lnEvidence : 0
  // With nothing beside it, a busy evening looks like a slow version, unless somebody has said what slow is.
  const isGuess = kind === 'slow' && (isFew || settings.slowerThanMs === null)
  const after = isGuess ? 0 : alone.lnEvidence
  if (Math.max(beside, after) < needed || differenceOf(picture, kind) < allowedOf(settings, kind)) return undefined
  if (kind === 'errors' && (heavyShare(picture) >= HEAVY_SHARE || !isMoreThanFew(picture))) return undefined
  const numbers = requestsText(kind, shareOf(picture.to, kind), beside >= needed ? shareOf(picture.from, kind) : knownShareOf(comparison))
  const why = beside >= needed ? `With ${clients} clients requests decide.` : 'The old version has no traffic, so what was known of it decides.'
  return { verdict: 'fail', code: 'requests', reason: `${numbers} ${why} ${evidenceText(Math.max(beside, after), needed)}` }
}

function knownShareOf ({ known: { requests, failures } }: Comparison): number {
  return requests === 0 ? 0 : failures / requests
}

/** Is the difference there without the few clients that have the most failures? */
function isMoreThanFew ({ guardTo, heaviest, errors, settings }: Picture): boolean {
  const few = heaviest.slice(0, LEFT_OUT).reduce((sum, [, failures]) => sum + failures, 0)
  return (guardTo.failures - few) / Math.max(1, guardTo.requests) >= errors.comparison.oldShare + settings.maxErrorIncrease
}

function byPass (picture: Picture): RuleFinding | undefined {
  const needed = Math.log(1 / picture.settings.passAlpha)
  const kinds = kindsOf(picture)
  if (kinds.some(kind => lnPassOf(picture, kind) < needed)) return undefined
  if (isContradicted(picture)) {
    return {
      verdict: 'undecided',
      code: 'more_needed',
      reason: `By requests the new version is no worse, but a few clients have many of the failures. ${signsText('errors', picture.errors.label)}`
    }
  }
  const { settings } = picture
  return {
    verdict: 'pass',
    code: 'passed',
    reason: `${requestsText('errors', shareOf(picture.to, 'errors'), shareOf(picture.from, 'errors'))} More than ${shareText(settings.maxErrorIncrease)} in addition is ruled out${kinds.length > 1 ? `, and more than ${shareText(settings.maxSlowIncrease)} slow ones` : ''}.`
  }
}

/** Where requests are no coins, failures of a few clients of the old version may hide that more clients fail on the new one. */
function isContradicted (picture: Picture): boolean {
  return !isSilent(picture) && picture.errors.label.lnEvidence() >= Math.log(1 / picture.settings.passAlpha)
}

/** What a pass has to be shown of: of slow answers only when something is known of those of the old version. */
function kindsOf ({ slow }: Picture): readonly Kind[] {
  return slow.comparison.known.requests > 0 ? ['errors', 'slow'] : ['errors']
}

function byOneClient (picture: Picture): RuleFinding | undefined {
  const [heaviest] = picture.heaviest
  const { settings, guardTo } = picture
  const share = heavyShare(picture)
  if (heaviest === undefined || guardTo.failures < MIN_FAILURES_TO_NAME || share < HEAVY_SHARE) return undefined
  if (differenceOf(picture, 'errors') < settings.maxErrorIncrease) return undefined
  return {
    verdict: 'undecided', code: 'one_client', reason: `One client, ${heaviest[0]}, has ${shareText(share)} of the new version's failures.`
  }
}

function moreNeeded (needs: VerdictNeeds): RuleFinding {
  const minutes = needs?.minutes ?? null
  const time = minutes === null ? '' : `, ${minutes < 1 ? 'less than a minute' : `about ${Math.ceil(minutes)} min`} at this rate`
  const reason = needs === null
    ? 'Nothing is shown yet, neither that the new version is worse nor that it is not.'
    : `Nothing speaks against the new version; a pass needs about ${needs.requests} more requests of it${time}.`
  return { verdict: 'undecided', code: 'more_needed', reason }
}

function isSilent (picture: Picture): boolean {
  return lnSentinel(picture) < Math.log(SENTINEL)
}

function lnSentinel ({ halves }: Picture): number {
  return Math.max(...halves.map(lnHalves))
}

function lnHalves (pair: readonly [Comparison, Comparison]): number {
  return lnMean(pair.map(half => half.lnEvidence))
}

function heavyShare ({ heaviest: [heaviest], allTo }: Picture): number {
  return heaviest === undefined ? 0 : Math.min(1, heaviest[1] / Math.max(1, allTo.failures, heaviest[1]))
}

/** What the old version did, before and in this rollout; undefined when that is too little to go by. */
function knownBefore ({ errors, settings }: Picture): { readonly requests: number, readonly failures: number } | undefined {
  const { known } = errors.comparison
  return known.requests >= settings.minRequests ? known : undefined
}

function lnThreshold ({ alpha }: AnalysisSettings, kind: Kind): number {
  return Math.log(1 / (alpha * ALPHA_SHARES[kind]))
}

function allowedOf (settings: AnalysisSettings, kind: Kind): number {
  return kind === 'errors' ? settings.maxErrorIncrease : settings.maxSlowIncrease
}

function shareOf ({ requests, failures, slow }: SideCounts, kind: Kind): number {
  return requests === 0 ? 0 : (kind === 'errors' ? failures : slow) / requests
}

/** Beside the old version, or against what is known of it where it has no traffic. */
function differenceOf (picture: Picture, kind: Kind): number {
  const { comparison, alone } = picture[kind]
  const beside = kind === 'errors' ? Math.max(comparison.difference, differenceFromBetterHalf(picture)) : comparison.difference
  if (alone.requests < picture.settings.minRequests) return beside
  return Math.max(beside, alone.failures / alone.requests - comparison.oldShare)
}

/**
 * A broken client with many requests on the old version would hide how much worse the new one is. Where the halves of the old version's
 * clients differ that much, the better half is what it is like. Nothing otherwise.
 */
function differenceFromBetterHalf ({ halves: [old], from, to, settings: { minRequests } }: Picture): number {
  const odd = { requests: from.halfRequests, failures: from.halfFailures }
  const even = { requests: from.requests - odd.requests, failures: from.failures - odd.failures }
  if (Math.min(odd.requests, even.requests, to.requests) < minRequests || lnHalves(old) < Math.log(SENTINEL)) return -1
  return to.failures / to.requests - Math.min(odd.failures / odd.requests, even.failures / even.requests)
}

function lnPassOf (picture: Picture, kind: Kind): number {
  return picture[kind].comparison.lnPass + picture[kind].alone.lnPass
}

function needsOf (picture: Picture): VerdictNeeds {
  const { settings, from, to } = picture
  const counts = kindsOf(picture).map(kind => requestsToPass({
    comparison: picture[kind].comparison,
    newRequests: to.requests,
    newSigns: kind === 'errors' ? to.failures : to.slow,
    oldRequests: from.requests,
    margin: allowedOf(settings, kind),
    lnPass: lnPassOf(picture, kind),
    lnNeeded: Math.log(1 / settings.passAlpha)
  }))
  if (counts.some(count => count === null)) return null
  const requests = Math.max(...counts.map(count => count ?? 0))
  if (requests === 0) return null
  const perMinute = picture.recent.ms > 0 ? picture.recent.requestsTo / picture.recent.ms * 60_000 : 0
  return { requests, minutes: perMinute > 0 ? requests / perMinute : null }
}

function versionNumbers (counts: SideCounts): VersionNumbers {
  const { requests, failures, slow } = counts
  return {
    requests,
    failures,
    failureShare: shareOf(counts, 'errors'),
    interval: shareInterval(failures, requests, DISPLAY_ALPHA),
    slow,
    slowShare: shareOf(counts, 'slow')
  }
}

function testNumbers (picture: Picture, kind: Kind): TestNumbers {
  const { label } = picture[kind]
  return {
    evidence: numberFrom(label.lnEvidence()),
    threshold: numberFrom(lnThreshold(picture.settings, kind)),
    clients: label.signs,
    clientsOnNew: label.signsOnNew,
    difference: differenceOf(picture, kind),
    allowed: allowedOf(picture.settings, kind),
    passEvidence: numberFrom(lnPassOf(picture, kind)),
    passThreshold: 1 / picture.settings.passAlpha
  }
}
