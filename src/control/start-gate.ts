/**
 * When clients may be sent here: the gate that the start opens, and what /readyz says.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'
import type { EndpointRegistry, VersionEndpoints } from '../discovery/endpoint-registry.ts'
import { type Logger, nameSome } from '../core/logger.ts'

interface StartGateOptions {
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

/** More versions than this are counted only: a namespace that can't be read may have thousands of them. */
const MAX_NAMED = 100

interface ReadinessFacts {
  readonly stopping: boolean
  /** The listeners are open. */
  readonly accepting: boolean
  /** The start has had, or has given up, its wait for endpoints. */
  readonly gateOpen: boolean
  /** The weights that were set at run time are not known, and are waited for. */
  readonly stateMissing: boolean
  readonly discovery: Pick<EndpointRegistry, 'all' | 'waiting'>
}

/** What /readyz says. What is wrong with versions is told in any case; it makes Weir unready at the start only. */
export function readinessOf ({ stopping, accepting, gateOpen, stateMissing, discovery }: ReadinessFacts): Readiness {
  const own: string[] = []
  if (stopping) own.push('Weir is shutting down')
  if (stateMissing) own.push('the stored weights have not been read yet: /v1/state says why')
  if (!accepting && !stopping) own.push('the listeners are not open')
  return {
    ready: own.length === 0 && gateOpen,
    own,
    waiting: discovery.waiting(),
    ofVersions: () => describeTroubles(discovery)
  }
}

function describeTroubles (discovery: ReadinessFacts['discovery']): readonly string[] {
  const troubled = discovery.all().filter(({ problem }) => problem !== undefined)
  const named = troubled.slice(0, MAX_NAMED).map(({ route, version, problem }) => `version "${version}" of route "${route}": ${problem?.detail ?? ''}`)
  return troubled.length > MAX_NAMED ? [...named, `${troubled.length - MAX_NAMED} more versions have no endpoints to use`] : named
}

/** Whether clients may be sent here. A reason is one sentence. */
export interface Readiness {
  readonly ready: boolean
  /** What is wrong with Weir itself. */
  readonly own: readonly string[]
  /** Versions that have had no list of their endpoints yet. */
  readonly waiting: number
  /** What is wrong with single versions; most of it does not make Weir unready. Costs a look at every version. */
  readonly ofVersions: () => readonly string[]
}
