/**
 * In words, step by step: what a worker would choose for a request, and why a request that is over went where it went.
 */
import type { ExplainAnswer } from './explain-answer.ts'
import type { RouteConfig } from '../config/schema.ts'
import { assertNever } from '../core/assert-never.ts'
import type { ActionTrace, Choice, RecalledRequest, RuleTrace, TurnedAway, VersionFacts } from '../contract/questions.ts'
import { keyHashText } from '../routing/sticky-key.ts'

/** What the client is recognised by. */
export function keySentence ({ kind, name, value, missing }: ExplainAnswer['stickyKey']): string {
  switch (kind) {
    case 'client-ip': return `${missing === null ? '' : `the request has no ${missing}, so `}the client is recognised by its IP ${value}`
    case 'header': return `the client is recognised by the header "${name}"`
    case 'cookie': return `the client is recognised by the cookie "${name}", whose value has the hash ${value}`
    case 'none': return 'the route has no affinity: every request is drawn at random by the weights'
    default: return assertNever(kind)
  }
}

/** @param terminating versions without a ready endpoint, whose terminating ones are used as the last resort */
export function choiceSentences (route: RouteConfig, choice: Choice, terminating: ReadonlySet<string>): readonly string[] {
  const { outcome, actions } = choice
  const before = actions.filter(({ version }) => version === '').map(entrySentence)
  if (isTurnedAway(outcome)) return before
  const byName = new Map(choice.versions.map(facts => [facts.version, facts]))
  const concerned = [...new Set([choice.chosen, choice.version])].flatMap(name => byName.get(name ?? '') ?? [])
  return [
    ...before,
    ...choice.rules.map(ruleSentence),
    ...(isPlaced(choice) ? [] : drawSentences(choice)),
    ...concerned.flatMap(facts => versionSentences(facts, terminating.has(facts.version))),
    outcomeSentence(route, outcome, choice),
    ...endpointSentences(route, choice),
    ...actions.filter(({ version }) => version !== '').map(({ kind, version, why }) => `${kind} for "${version}": ${why}`),
    ...failoverSentences(choice)
  ]
}

/** What a filter before the versions made of the request. */
function entrySentence ({ kind, outcome, why }: ActionTrace): string {
  switch (outcome) {
    case null: return `filters.${kind} lets the request through: ${why}`
    case 'denied': return `filters.${kind} denies the request, which gets 403: ${why}`
    case 'limited': return `filters.${kind} refuses the request, which gets 429: ${why}`
    case 'redirected': return `filters.${kind} sends the client elsewhere: ${why}`
    case 'homeless': return `filters.${kind} can't send the client elsewhere, and the request gets 400: ${why}`
    default: return assertNever(outcome)
  }
}

function isTurnedAway (outcome: Choice['outcome']): outcome is TurnedAway {
  return outcome === 'denied' || outcome === 'limited' || outcome === 'redirected' || outcome === 'homeless'
}

function isPlaced ({ placement }: Choice): boolean {
  return placement !== '' && placement !== 'never'
}

/** What one rule before the split made of the request. */
function ruleSentence ({ kind, name, version, chosen, why }: RuleTrace): string {
  const what = kind === 'list' ? `the list "${name}"` : kind === 'override' ? 'the override' : `the match of "${version}"`
  if (kind === 'never') return `${what} keeps the request from "${version}": ${why}`
  return chosen ? `${what} chooses "${version}": ${why}` : `${what} does not choose: ${why}`
}

function drawSentences ({ placement, chosen, versions, keyHash, epoch }: Choice): readonly string[] {
  const weighted = versions.filter(({ weight }) => weight > 0)
  if (weighted.length === 0) return [`every version of the route has the weight 0 (epoch ${epoch})`]
  if (weighted.length === 1) return [`"${weighted[0]?.version}" alone has a weight (epoch ${epoch})`]
  if (placement === 'never') return [`the weights are ${weighted.map(({ version, weight }) => `${version} ${weight}`).join(', ')} (epoch ${epoch}), and of the versions that are left the client belongs to "${chosen}"`]
  if (keyHash === null || chosen === null) return [`the weights are ${weighted.map(({ version, weight }) => `${version} ${weight}`).join(', ')} (epoch ${epoch})`]
  const scores = weighted.map(({ version, weight, score }) => `${version} ${score?.toPrecision(4)} (weight ${weight})`)
  return [`"${chosen}" has the lowest score for this key: ${scores.join(', ')} (epoch ${epoch})`]
}

function versionSentences ({ version, used, members, panic, leftOut }: VersionFacts, terminating: boolean): readonly string[] {
  return [
    ...(terminating ? [`no endpoint of "${version}" is ready: those that terminate but still serve are the last resort`] : []),
    ...(panic ? [`so few endpoints of "${version}" are available that all ${members} are used (panic)`] : []),
    ...(leftOut.length === 0 ? [] : [`"${version}" uses ${used} of ${members} endpoints; left out: ${leftOut.join(', ')}${members - used > leftOut.length ? ' and others' : ''}`])
  ]
}

function outcomeSentence (
  { whenEmpty }: RouteConfig, outcome: Exclude<Choice['outcome'], TurnedAway>, { chosen, version }: Choice
): string {
  switch (outcome) {
    case 'attempt': return attemptSentence(chosen, version)
    case 'undecided': return 'the version is drawn anew for each request'
    case 'waits': return `"${chosen}" has no endpoint, and the route says to hold: the request waits for one`
    case 'hold_full': return `"${chosen}" has no endpoint, and as many requests as may wait for one: the request gets 503`
    case 'circuit_open': return `"${chosen}" has all the requests or connections that it may have: the request gets 503`
    case 'overloaded': return 'the worker has all the requests in flight that it may have: the request gets 503'
    case 'no_endpoint':
      if (chosen === null) return 'nobody serves: the request gets 503'
      return whenEmpty === 'fallback'
        ? `"${chosen}" has no endpoint, and no other version with a weight has one: the request gets 503`
        : `"${chosen}" has no endpoint, and the route says to fail: the request gets 503`
    default: return assertNever(outcome)
  }
}

function attemptSentence (chosen: string | null, version: string | null): string {
  if (chosen === null) return `"${version}" alone has endpoints: it serves every request`
  if (version === chosen) return `"${version}" serves`
  return `"${chosen}" has no ready endpoint; "${version}" has the next score and serves until "${chosen}" is back (whenEmpty: fallback)`
}

function endpointSentences ({ affinity, balancing }: RouteConfig, { outcome, endpoint, version }: Choice): readonly string[] {
  if (outcome !== 'attempt') return []
  if (endpoint !== null) return [`the request goes to ${endpoint}`]
  const how = affinity.level === 'endpoint' ? 'rendezvous' : balancing
  return [`which endpoint of "${version}" gets it is decided by ${how} when it comes`]
}

function failoverSentences ({ outcome, failoverTo, version }: Choice): readonly string[] {
  if (outcome !== 'attempt' || failoverTo === null || failoverTo === version) return []
  return [`if that fails, "${failoverTo}" may help out (failover)`]
}

/** Who remembers a request. */
export interface Recollection {
  readonly id: string
  readonly worker: number
  readonly request: RecalledRequest
}

export function recallSentences ({ id, worker, request }: Recollection): readonly string[] {
  const { route, version, wallMs, status, durationMs, error, fault } = request
  const failure = error === '' ? '' : `, with the error ${error}${fault === '' ? '' : ` (${fault})`}`
  const came = `the request ${id} came to worker ${worker} at ${new Date(wallMs).toISOString()} and got ${status} after ${durationMs.toFixed(3)} ms${failure}`
  if (route === '') return [came, 'no route had taken it when it was answered']
  return [
    came,
    `the route "${route}" took it`,
    ...(request.keyKind === 'none' ? [turnedAwaySentence(request)] : keySentences(request)),
    ...(version === '' ? ['no version was asked'] : recalledVersionSentences(request))
  ]
}

/** The filters that answer come before the version is chosen. */
function turnedAwaySentence ({ error }: Recollection['request']): string {
  switch (error) {
    case 'client_denied': return 'filters.clients denied the client before a version was chosen'
    case 'rate_limited': return 'filters.rateLimit: the client had used up its rate before a version was chosen'
    default: return 'filters.requestRedirect answered it before a version was chosen'
  }
}

function keySentences ({ keyKind, keyHash, epoch, now, placement, placedBy }: Recollection['request']): readonly string[] {
  if (placement === 'list') return [`the list "${placedBy}" chose the version`]
  if (placement === 'match' || placement === 'override') return [`${placement === 'match' ? 'a match' : 'an override'} chose the version "${placedBy}"`]
  if (keyKind === 'random') return [`the version was drawn at random, by the weights of epoch ${epoch}`]
  const recognised = `the client was recognised by its ${keyKind === 'client-ip' ? 'IP' : keyKind}, which has the hash ${keyHashText(keyHash)}`
  return [recognised, weightsSentence(epoch, now)]
}

/** The scores that are shown are those of now. */
function weightsSentence (epoch: number, now: Choice | null): string {
  if (now === null) return `the weights were those of epoch ${epoch}; the route has gone since`
  if (now.epoch !== epoch) return `the weights were those of epoch ${epoch}; they have changed since, and now, at epoch ${now.epoch}, the same client belongs to "${now.chosen}"`
  const scores = now.versions.flatMap(({ version, weight, score }) => score === undefined ? [] : [`${version} ${score.toPrecision(4)} (weight ${weight})`])
  return `the lowest score decides, and the weights are still the same: ${scores.join(', ')} (epoch ${epoch})`
}

function recalledVersionSentences (
  { version, endpoint, attempts, retried, fallbackFrom, failedOverFrom }: Recollection['request']
): readonly string[] {
  return [
    ...(fallbackFrom === '' ? [] : [`"${fallbackFrom}" was chosen and had no endpoint, so "${version}" was asked in its place (whenEmpty: fallback)`]),
    ...(failedOverFrom === '' ? [] : [`"${failedOverFrom}" was chosen and failed, so "${version}" was asked in its place (failover)`]),
    ...(fallbackFrom === '' && failedOverFrom === '' ? [`"${version}" was chosen`] : []),
    ...(endpoint === '' ? ['no endpoint was asked'] : [`${attempts === 1 ? 'the only attempt went' : `the last of ${attempts} attempts went`} to ${endpoint}`]),
    ...(retried === '' ? [] : [`the attempts before failed: ${retried}`])
  ]
}
