import type { Clock, TimerHandle } from '../core/clock.ts'
import type { VersionEndpoints } from '../discovery/endpoint-registry.ts'
import type { Logger } from '../core/logger.ts'
import { nameSome } from '../core/name-some.ts'

export interface StartGateOptions {
  readonly clock: Clock
  readonly log: Logger
  /** How long a start waits for the first endpoints of all versions; 0 waits for as long as it takes. */
  readonly waitMs: number
  readonly versions: () => readonly VersionEndpoints[]
}

/**
 * Whether Weir has what it takes to be sent clients, as far as endpoints go. It opens once and never closes: a route that a reload
 * adds has nobody to lose, while the others would lose everybody if its missing list made all replicas unready.
 *
 * At the start it opens when every version has had its first list. When the time for that is over, it opens with what there
 * is, so that one namespace that may not be read does not keep the other routes away. While nothing at all is known it stays
 * closed: who takes over from a Weir that knows its endpoints would only lose them.
 */
export class StartGate {
  readonly #options: StartGateOptions
  #timer: TimerHandle | undefined
  #overdue = false
  #open = false

  constructor (options: StartGateOptions) {
    this.#options = options
  }

  get isOpen (): boolean {
    return this.#open
  }

  /** The start begins to wait. */
  start (): void {
    const { clock, waitMs } = this.#options
    if (this.#open || waitMs === 0) return
    this.#timer = clock.after(waitMs, () => {
      this.#overdue = true
      this.#openOverdue()
    })
  }

  /** Every version has had its first list. */
  synced (): void {
    this.#open = true
    this.#timer?.cancel()
  }

  /** A version has had a list. */
  received (): void {
    if (this.#overdue && !this.#open) this.#openOverdue()
  }

  stop (): void {
    this.#timer?.cancel()
  }

  #openOverdue (): void {
    const { log, versions, waitMs } = this.#options
    const all = versions()
    const waiting = all.filter(({ endpoints }) => endpoints === undefined)
    if (waiting.length === all.length && all.length > 0) {
      log.error('no version has had its first list of endpoints in time; Weir stays unready until one has', { waitedMs: waitMs, ...whatIsMissing(waiting) })
      return
    }
    this.#open = true
    if (waiting.length > 0) log.error('Weir is ready without the endpoints of some versions; their requests get 503 unless another version takes them', { waitedMs: waitMs, ...whatIsMissing(waiting) })
  }
}

function whatIsMissing (waiting: readonly VersionEndpoints[]): { readonly waiting: string, readonly reasons: string } {
  const reasons = new Set(waiting.map(({ problem }) => problem?.detail ?? ''))
  return { waiting: nameSome(waiting.map(({ route, version }) => `${route}/${version}`)), reasons: [...reasons].slice(0, 3).join('; ') }
}
