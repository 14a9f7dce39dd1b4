/**
 * Answers why a request that is over went where it went: asks every worker whether it remembers the id.
 */
import type { ExplainAnswer } from './explain-answer.ts'
import type { RouteConfig } from '../config/schema.ts'
import type { RouteBook } from '../routes/route-book.ts'
import { keyHashText } from '../routing/sticky-key.ts'
import { recallSentences, type Recollection } from './explain-sentences.ts'
import { ANSWER_MS, Unanswered, type WorkerAnswers } from './worker-questions.ts'
import type { RecallAnswer, RecalledRequest } from '../contract/questions.ts'

export interface RecallSources {
  readonly routes: Pick<RouteBook, 'route'>
  /** Asks all workers; undefined when too many questions wait already. */
  readonly recall: (requestId: string) => Promise<WorkerAnswers<RecallAnswer> | undefined>
}

export class RequestRecaller {
  readonly #sources: RecallSources

  constructor (sources: RecallSources) {
    this.#sources = sources
  }

  /**
   * Undefined when the configuration has no such route. A request of another route is told all the same.
   * @throws Unanswered when no worker remembers the request, or none answers
   */
  async explain (routeName: string, id: string): Promise<ExplainAnswer | undefined> {
    const { routes } = this.#sources
    if (routes.route(routeName) === undefined) return undefined
    const said = await this.#sources.recall(id)
    if (said === undefined || said.answers.size === 0) throw new Unanswered('workers_silent', `no worker has answered within ${ANSWER_MS} ms`)
    const found = [...said.answers].flatMap(([worker, { request }]) => request === null ? [] : [{ id, worker, request }])
    // A trusted proxy may give an id twice: the latest counts.
    const [latest] = found.sort((left, right) => right.request.wallMs - left.request.wallMs)
    if (latest === undefined) throw new Unanswered('unknown_request', forgotten(said))
    return answerOf(routeName, latest, routes.route(latest.request.route))
  }
}

function forgotten ({ answers, silent }: WorkerAnswers<RecallAnswer>): string {
  const told = [...answers].map(([worker, { remembered, oldestWallMs }]) =>
    `worker ${worker} remembers ${remembered}${oldestWallMs === null ? '' : `, the oldest of ${new Date(oldestWallMs).toISOString()}`}`)
  return [...told, ...silent.map(worker => `worker ${worker} has not answered within ${ANSWER_MS} ms`), 'requests in flight are not among them'].join('; ')
}

function answerOf (asked: string, found: Recollection, route: RouteConfig | undefined): ExplainAnswer {
  const { request, id, worker } = found
  const version = orNull(request.version)
  const decision = { version, endpoint: orNull(request.endpoint), outcome: 'past' } as const
  return {
    route: asked,
    matches: request.route === asked,
    matchedRoute: orNull(request.route),
    epoch: Math.max(0, request.epoch),
    stickyKey: stickyKey(request, route),
    placement: request.placement === '' ? 'split' : request.placement,
    rules: [],
    actions: [],
    chosen: orNull(request.fallbackFrom) ?? orNull(request.failedOverFrom) ?? version,
    ...decision,
    versions: (request.now?.versions ?? []).map(({ version: name, weight, score, used, panic }) => ({
      name, weight, score: score ?? null, usedEndpoints: used, panic: panic ? 'all' : 'none'
    })),
    workers: [{ worker, epoch: Math.max(0, request.epoch), ...decision }],
    why: [...recallSentences(found)],
    request: {
      id,
      at: new Date(request.wallMs).toISOString(),
      worker,
      status: request.status,
      error: orNull(request.error),
      fault: orNull(request.fault),
      durationMs: Math.round(request.durationMs * 1_000) / 1_000,
      attempts: request.attempts,
      retried: orNull(request.retried),
      fallbackFrom: orNull(request.fallbackFrom),
      failedOverFrom: orNull(request.failedOverFrom),
      placement: orNull(request.placement),
      placedBy: orNull(request.placedBy)
    }
  }
}

/** What the client was recognised by is not remembered, only the hash of it. */
function stickyKey ({ keyKind, keyHash }: RecalledRequest, route: RouteConfig | undefined): ExplainAnswer['stickyKey'] {
  if (keyKind === 'random' || keyKind === 'none') return { kind: 'none', name: null, value: null, hash: null, missing: null }
  const { by, header, cookie } = route?.affinity ?? {}
  const wanted = by === 'header' ? header : by === 'cookie' ? cookie : undefined
  const hash = keyHashText(keyHash)
  const missing = keyKind === 'client-ip' && wanted !== undefined ? `${by} "${wanted}"` : null
  return { kind: keyKind, name: keyKind === by ? wanted ?? null : null, value: keyKind === 'cookie' ? hash : null, hash, missing }
}

function orNull (text: string): string | null {
  return text === '' ? null : text
}
