/**
 * What is logged about the sources of endpoints: each fault once, and its end. However fast something flaps, a namespace and a
 * version have at most a line each way in ten seconds, and the last line says how things are.
 */
import type { Clock } from '../core/clock.ts'
import { OWN_NAMESPACE, type WatchFailure } from './endpoint-registry.ts'
import type { SourceProblem } from './endpoint-source.ts'
import type { WatchRecovery } from '../kube/list-watch.ts'
import { type Logger, nameSome } from '../core/logger.ts'

const INTERVAL_MS = 10_000

interface WatchState {
  readonly meanwhile: string
  readonly loggedMs: number
  /** Failures since, which have no line of their own. */
  repeated: number
  /** The line is not followed by one that says that it is over. */
  open: boolean
}

interface VersionState {
  logged: SourceProblem | undefined
  latest: SourceProblem | undefined
}

export class DiscoveryLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #watches = new Map<string, WatchState>()
  /** Versions that had a line within the interval, by `route/version`. */
  readonly #versions = new Map<string, VersionState>()

  constructor (log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  watchFailed ({ namespace = OWN_NAMESPACE, error, retryInMs, waiting, known }: WatchFailure): void {
    const meanwhile = sayMeanwhile(waiting, known)
    const last = this.#watches.get(namespace)
    const nowMs = this.#clock.nowMs()
    if (last !== undefined && last.meanwhile === meanwhile && nowMs - last.loggedMs < INTERVAL_MS) {
      last.repeated++
      return
    }
    this.#watches.set(namespace, { meanwhile, loggedMs: nowMs, repeated: 0, open: true })
    this.#log.warn(`the watch of EndpointSlices failed; ${meanwhile}`, {
      namespace,
      error: error.message,
      retryInMs: Math.round(retryInMs),
      ...(waiting.length === 0 ? {} : { waiting: nameSome(waiting) }),
      ...(last === undefined || last.repeated === 0 ? {} : { repeated: last.repeated })
    })
  }

  watchRecovered (namespace: string | undefined, { failures, afterMs }: WatchRecovery): void {
    const state = this.#watches.get(namespace ?? OWN_NAMESPACE)
    if (state?.open !== true) return
    state.open = false
    this.#log.info('the watch of EndpointSlices has recovered', { namespace: namespace ?? OWN_NAMESPACE, failures, afterMs: Math.round(afterMs) })
  }

  /** @param problem undefined when the version has endpoints again */
  versionChanged (route: string, version: string, problem: SourceProblem | undefined): void {
    const key = `${route}/${version}`
    const state = this.#versions.get(key)
    if (state !== undefined) {
      state.latest = problem
      return
    }
    const fresh: VersionState = { logged: problem, latest: problem }
    this.#versions.set(key, fresh)
    const settle = (): void => {
      if (fresh.latest?.kind === fresh.logged?.kind) {
        this.#versions.delete(key)
        return
      }
      fresh.logged = fresh.latest
      this.#sayVersion(route, version, fresh.latest)
      this.#clock.after(INTERVAL_MS, settle)
    }
    this.#sayVersion(route, version, problem)
    this.#clock.after(INTERVAL_MS, settle)
  }

  #sayVersion (route: string, version: string, problem: SourceProblem | undefined): void {
    if (problem === undefined) this.#log.info('the version has endpoints now', { route, version })
    else this.#log.warn('the version has no endpoints to use', { route, version, problem: problem.kind, detail: problem.detail })
  }
}

function sayMeanwhile (waiting: readonly string[], known: number): string {
  if (known > 0) return 'the last known endpoints are used meanwhile'
  return waiting.length > 0 ? 'versions wait for their first endpoints' : 'no endpoints are known'
}
