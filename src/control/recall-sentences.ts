/**
 * In words, why a request that is over went where it went.
 */
import { keyHashText } from '../routing/key-hash-text.ts'
import type { Choice, RecalledRequest } from '../contract/questions.ts'

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
    ...keySentences(request),
    ...(version === '' ? ['no version was asked'] : versionSentences(request))
  ]
}

function keySentences ({ keyKind, keyHash, epoch, now }: Recollection['request']): readonly string[] {
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

function versionSentences (
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
