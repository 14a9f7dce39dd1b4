/**
 * Answers what a change would move before it is made, and which clients a route has: asks every worker whom it has seen.
 */
import type { Weights } from '../contract/weights.ts'
import type { ClientSample } from '../contract/client-sample.ts'
import type { Clock } from '../core/clock.ts'
import { matchText } from '../plans/write-match.ts'
import { keepsBeside, NOTHING_BESIDE } from '../rollout/beside-weights.ts'
import { isLive } from '../rollout/rollout-state.ts'
import type { RouteTraffic, TrafficCommand } from '../rollout/traffic-state.ts'
import { changeRoute } from '../rollout/transition.ts'
import type { Refusal } from '../rollout/transition-result.ts'
import type { RouteBook } from '../routes/route-book.ts'
import { type ChangePreview, previewChange } from './change-preview.ts'
import { censusOf, type ClientCensus } from './client-census.ts'
import type { WorkerAnswers } from './worker-questions.ts'

interface ChangePlannerSources {
  readonly clock: Clock
  readonly routes: Pick<RouteBook, 'route'>
  readonly traffic: (route: string) => RouteTraffic | undefined
  readonly usedEndpoints: (route: string) => Readonly<Record<string, number>> | undefined
  /** Asks all workers; undefined when too many questions wait already. */
  readonly clients: (route: string) => Promise<WorkerAnswers<ClientSample | null> | undefined>
}

/** What would come of a change that was not made. */
export interface PlannedWeights {
  readonly ok: true
  /** The epoch of the route as it is. */
  readonly epoch: number
  /** False when the route has these weights already. */
  readonly changed: boolean
  readonly before: Weights
  readonly after: Weights
  readonly preview: ChangePreview
}

export interface SeenClients {
  readonly census: ClientCensus
  /** Workers that have not answered. */
  readonly silent: readonly number[]
}

export class ChangePlanner {
  readonly #sources: ChangePlannerSources

  constructor (sources: ChangePlannerSources) {
    this.#sources = sources
  }

  /** The clients of the last minutes, of all workers. */
  async seen (route: string): Promise<SeenClients> {
    const said = await this.#sources.clients(route)
    const samples = [...said?.answers.values() ?? []].filter(sample => sample !== null)
    return { census: censusOf(samples), silent: said?.silent ?? [] }
  }

  /**
   * What would become of a change. Nothing is changed, and it is refused where the change would be.
   * @returns undefined when there is no such route
   */
  async plan (route: string, command: TrafficCommand): Promise<PlannedWeights | Refusal | undefined> {
    const { clock, routes, usedEndpoints } = this.#sources
    const traffic = this.#sources.traffic(route)
    const config = routes.route(route)
    if (traffic === undefined || config === undefined) return undefined
    const at = new Date(clock.wallMs()).toISOString()
    const next = changeRoute(traffic, command, { actor: '', reason: '', source: 'api', at })
    if (!next.ok) return next
    const { census, silent } = await this.seen(route)
    const { match } = traffic.rollout ?? NOTHING_BESIDE
    const preview = previewChange({
      salt: config.affinity.salt ?? route,
      rolloutSalt: traffic.salt ?? '',
      before: traffic.weights,
      after: next.route.weights,
      census,
      endpoints: usedEndpoints(route) ?? {},
      endsMatch: next.changed && keepsBeside(traffic) && match !== null ? matchText(match) : null,
      pausesRollout: next.changed && traffic.rollout !== undefined && isLive(traffic.rollout),
      silent
    })
    return { ok: true, epoch: traffic.epoch, changed: next.changed, before: traffic.weights, after: next.route.weights, preview }
  }
}
