/**
 * The rules of a verdict in their order: guards, tests, pass. The first that has something to say speaks.
 */
import type { SideCounts } from '../contract/rollout-watch.ts'
import type { Comparison } from './comparison.ts'
import type { BlameKind } from './endpoint-blame.ts'
import { evidenceText, requestsText, shareText, signsText } from './evidence-text.ts'
import { GUARD_RULES } from './guard-rules.ts'
import { byBlame, byOneEndpoint, excusedText, keptOut } from './one-endpoint.ts'
import {
  ALPHA_SHARES, allowedOf, COPY_SHARES, signDifference, FEW_CLIENTS, HEAVY_SHARE, heavyShare, isByCopies, isMatchAlone, isSilent, kindsOf,
  lnPassOf, lnSentinel, lnSigns, lnThreshold, type Picture, signShare, type SignKind
} from './picture.ts'
import { requestsToPass } from './requests-to-pass.ts'
import { shareInterval } from './share-interval.ts'
import { numberFrom, type RuleFinding, type TestNumbers, type Verdict, type VerdictNeeds, type VersionNumbers } from './verdict.ts'

/** Evidence that clients whose requests fail here would not have failed there as well. */
const RETRY_EVIDENCE = 20
/** The difference has to be there without so many of the heaviest clients. */
const LEFT_OUT = 3
const MIN_FAILURES_TO_NAME = 5
const DISPLAY_ALPHA = 0.05

const RULES: ReadonlyArray<(picture: Picture) => RuleFinding | undefined> = [
  ...GUARD_RULES, byCopies, byTraffic, byWarmup, byFirstSigns, byPairs, byRequests, byBlame, byPass, byOneClient
]

/** @returns the verdict, and for what it blames the endpoint that it ejects */
export function judge (picture: Picture): { readonly verdict: Verdict, readonly blamedFor: BlameKind } {
  const finding = findingOf(picture)
  const needs = isByCopies(picture) ? picture.copies.needs() : needsOf(picture)
  const { verdict, code, reason, pause = false, ejectEndpoint = keptOut(picture) } = finding ?? moreNeeded(needs)
  const [heaviest] = picture.heaviest
  const said: Verdict = {
    verdict,
    code,
    reason: code === 'one_endpoint' ? reason : `${reason}${excusedText(picture)}`,
    pause,
    ejectEndpoint: verdict === 'fail' ? null : ejectEndpoint,
    from: versionNumbers(picture.from),
    to: versionNumbers(picture.shownTo),
    errors: testNumbers(picture, 'errors'),
    slow: testNumbers(picture, 'slow'),
    pairs: picture.to.rescued + picture.to.bothFailed > 0 ? { evidence: numberFrom(picture.pairs.lnEvidence) } : null,
    sentinel: { evidence: numberFrom(lnSentinel(picture)), silent: isSilent(picture) },
    clients: picture.clients,
    heaviest: heaviest === undefined ? null : { key: heaviest[0], share: heavyShare(picture) },
    copies: picture.copies.numbers(COPY_SHARES),
    needs: verdict === 'undecided' ? needs : null
  }
  return { verdict: said, blamedFor: finding?.about === 'slow' ? 'slow' : 'failures' }
}

/** What the first rule says that has something to say. */
function findingOf (picture: Picture): RuleFinding | undefined {
  for (const rule of RULES) {
    const finding = rule(picture)
    if (finding?.verdict === 'fail') return byOneEndpoint(picture, finding) ?? finding
    if (finding !== undefined) return finding
  }
  return undefined
}

/** The old version has answered well what copies of it were for. */
function byCopies ({ copies }: Picture): RuleFinding | undefined {
  return copies.fault(COPY_SHARES)
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

function byFirst (picture: Picture, kind: SignKind): RuleFinding | undefined {
  const { label } = picture[kind]
  const needed = lnThreshold(picture.settings, kind)
  const difference = signDifference(picture, kind)
  const lnEvidence = lnSigns(picture, kind)
  if (lnEvidence < needed || difference < allowedOf(picture.settings, kind)) return undefined
  const numbers = requestsText(kind, signShare(picture.to, kind), signShare(picture.from, kind))
  return { verdict: 'fail', code: kind, about: kind, reason: `${numbers} ${signsText(kind, label)} ${evidenceText(lnEvidence, needed)}` }
}

/** The other version has answered well what failed here. */
function byPairs (picture: Picture): RuleFinding | undefined {
  const { pairs, settings, to, from } = picture
  const needed = Math.log(1 / (settings.alpha * ALPHA_SHARES.pairs))
  if (pairs.lnEvidence < needed || pairs.difference < settings.maxErrorIncrease) return undefined
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
  if (!isSilent(picture)) return undefined
  return byRequestsOf(picture, 'errors') ?? byRequestsOf(picture, 'slow')
}

function byRequestsOf (picture: Picture, kind: SignKind): RuleFinding | undefined {
  const { settings, clients } = picture
  const { comparison, alone } = picture[kind]
  const isFew = clients !== null && clients < FEW_CLIENTS
  const needed = Math.log(1 / (settings.alpha * (kind === 'errors' ? ALPHA_SHARES.requests : ALPHA_SHARES.slowRequests)))
  // Who the slow answers belong to is not told, so with few clients they can't be known to be more than one client's.
  const beside = isFew && kind === 'errors' ? comparison.lnEvidence : 0
  // With nothing beside it, a busy evening looks like a slow version, unless somebody has said what slow is.
  const isGuess = kind === 'slow' && (isFew || settings.slowerThanMs === null)
  const after = isGuess ? 0 : alone.lnEvidence
  if (Math.max(beside, after) < needed || signDifference(picture, kind) < allowedOf(settings, kind)) return undefined
  if (kind === 'errors' && (heavyShare(picture) >= HEAVY_SHARE || !isMoreThanFew(picture))) return undefined
  const old = beside >= needed ? signShare(picture.from, kind) : knownShareOf(comparison)
  const numbers = requestsText(kind, signShare(picture.to, kind), old)
  const why = beside >= needed ? `With ${clients} clients requests decide.` : 'The old version has no traffic, so what was known of it decides.'
  return { verdict: 'fail', code: 'requests', about: kind, reason: `${numbers} ${why} ${evidenceText(Math.max(beside, after), needed)}` }
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
    reason: `${requestsText('errors', signShare(picture.to, 'errors'), signShare(picture.from, 'errors'))} More than ${shareText(settings.maxErrorIncrease)} in addition is ruled out${kinds.length > 1 ? `, and more than ${shareText(settings.maxSlowIncrease)} slow ones` : ''}.`
  }
}

/** Where requests are no coins, failures of a few clients of the old version may hide that more clients fail on the new one. */
function isContradicted (picture: Picture): boolean {
  return !isSilent(picture) && lnSigns(picture, 'errors') >= Math.log(1 / picture.settings.passAlpha)
}

function byOneClient (picture: Picture): RuleFinding | undefined {
  const [heaviest] = picture.heaviest
  const { settings, guardTo } = picture
  const share = heavyShare(picture)
  if (heaviest === undefined || guardTo.failures < MIN_FAILURES_TO_NAME || share < HEAVY_SHARE) return undefined
  if (signDifference(picture, 'errors') < settings.maxErrorIncrease) return undefined
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
    failureShare: signShare(counts, 'errors'),
    interval: shareInterval(failures, requests, DISPLAY_ALPHA),
    slow,
    slowShare: signShare(counts, 'slow')
  }
}

function testNumbers (picture: Picture, kind: SignKind): TestNumbers {
  const { label } = picture[kind]
  return {
    evidence: numberFrom(lnSigns(picture, kind)),
    threshold: numberFrom(lnThreshold(picture.settings, kind)),
    clients: label.signs,
    clientsOnNew: label.signsOnNew,
    difference: signDifference(picture, kind),
    allowed: allowedOf(picture.settings, kind),
    passEvidence: numberFrom(lnPassOf(picture, kind)),
    passThreshold: 1 / picture.settings.passAlpha
  }
}
