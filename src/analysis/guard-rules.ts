/** The guards: what they say needs no statistics, and is asked before any test. */
import { shareText } from './evidence-text.ts'
import { FEW_CLIENTS, HEAVY_SHARE, heavyShare, isMatchAlone, knownBefore, type Picture } from './picture.ts'
import { shareInterval } from './share-interval.ts'
import { userFailures } from './side-counts.ts'
import type { RuleFinding } from './verdict.ts'

/** With so many times the requests of the old version the new one is alone. */
const ALONE_RATIO = 10
/** How likely a guard may take what few requests have shown for more than chance. */
const GUARD_ALPHA = 0.001

/** In their order: the first that has something to say speaks. */
export const GUARD_RULES: ReadonlyArray<(picture: Picture) => RuleFinding | undefined> = [
  bySilence, byBothFailing, byBlastCap, byErrorShare
]

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
  const { settings: { maxFailures }, blast, clients, allTo, blame: { excused } } = picture
  const hasMany = clients === null || clients >= FEW_CLIENTS
  // The lists have all failures of a client; those that the other version has made good are not charged, nor those of a blamed endpoint.
  const charged = allTo.failures === 0 ? 0 : Math.max(0, (userFailures(allTo) - userFailures(excused)) / allTo.failures)
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
