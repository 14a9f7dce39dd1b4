/**
 * What is logged about the sources of endpoints: each fault once, and its end. However fast something flaps, a namespace and a
 * version have at most a line each way in ten seconds, and the last line says how things are.
 */
import type { Clock } from '../core/clock.ts'
import { OWN_NAMESPACE, type WatchFailure } from './endpoint-registry.ts'
import type { SourceProblem, SourceProblemKind } from './endpoint-source.ts'
import type { FollowedObjects } from './kube-namespace.ts'
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
  /** By what is followed, and the namespace. */
  readonly #watches = new Map<string, WatchState>()
  /** Versions that had a line within the interval, by `route/version`. */
  readonly #versions = new Map<string, VersionState>()

  constructor (log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  watchFailed ({ objects, namespace = OWN_NAMESPACE, error, retryInMs, waiting, known }: WatchFailure): void {
    const meanwhile = sayMeanwhile(waiting, known)
    const key = `${objects} ${namespace}`
    const last = this.#watches.get(key)
    const nowMs = this.#clock.nowMs()
    if (last !== undefined && last.meanwhile === meanwhile && nowMs - last.loggedMs < INTERVAL_MS) {
      last.repeated++
      return
    }
    this.#watches.set(key, { meanwhile, loggedMs: nowMs, repeated: 0, open: true })
    this.#log.warn(`the watch of ${objects} failed; ${meanwhile}`, {
      namespace,
      error: error.message,
      retryInMs: Math.round(retryInMs),
      ...(waiting.length === 0 ? {} : { waiting: nameSome(waiting) }),
      ...(last === undefined || last.repeated === 0 ? {} : { repeated: last.repeated })
    })
  }

  watchRecovered (objects: FollowedObjects, namespace: string | undefined, { failures, afterMs }: WatchRecovery): void {
    const state = this.#watches.get(`${objects} ${namespace ?? OWN_NAMESPACE}`)
    if (state?.open !== true) return
    state.open = false
    this.#log.info(`the watch of ${objects} has recovered`, {
      namespace: namespace ?? OWN_NAMESPACE, failures, afterMs: Math.round(afterMs)
    })
  }

  /**
   * @param problem undefined when nothing is wrong any more
   * @param before what was wrong until now
   */
  versionChanged (route: string, version: string, problem: SourceProblem | undefined, before?: SourceProblemKind): void {
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
      const said = fresh.logged?.kind
      fresh.logged = fresh.latest
      this.#sayVersion({ route, version }, fresh.latest, said)
      this.#clock.after(INTERVAL_MS, settle)
    }
    this.#sayVersion({ route, version }, problem, before)
    this.#clock.after(INTERVAL_MS, settle)
  }

  #sayVersion (
    fields: { readonly route: string, readonly version: string }, problem: SourceProblem | undefined, before: SourceProblemKind | undefined
  ): void {
    if (problem === undefined) {
      this.#log.info(before === 'pods-of-two' ? 'no pod of the version is another version\'s as well any more' : 'the version has endpoints now', fields)
    } else {
      const message = problem.kind === 'pods-of-two' ? 'pods of the version are another version\'s as well' : 'the version has no endpoints to use'
      this.#log.warn(message, { ...fields, problem: problem.kind, detail: problem.detail })
    }
  }
}

function sayMeanwhile (waiting: readonly string[], known: number): string {
  if (known > 0) return 'the last known endpoints are used meanwhile'
  return waiting.length > 0 ? 'versions wait for their first endpoints' : 'no endpoints are known'
}
