/**
 * What a worker tells of copies. Plain data.
 */

/** What can be different about the two answers. The first that is, in this order, stands for what follows from it. */
export const SHADOW_DIFFERENCES = ['status', 'headers', 'body'] as const
export type ShadowDifference = typeof SHADOW_DIFFERENCES[number]

/** What a copy can fail of. */
export const SHADOW_FAILURES = ['connect', 'reset', 'timeout', 'malformed', 'shed'] as const
export type ShadowFailure = typeof SHADOW_FAILURES[number]

/**
 * Why a request that was drawn is not copied. `method`: not a safe one; `body`: larger than `maxBodyBytes`; `incomplete`: it never came
 * whole; `no_answer`: no endpoint has answered the real one; `same_version`: the version of the mirror has answered it itself;
 * `no_endpoint`: that version has no ready one, or is at the limits of its circuit breaker; `unreachable`: a moment ago no connection to
 * the endpoint could be opened; `requests` and `bytes`: there are as many copies as there may be; `memory`, `in_flight`, `descriptors`,
 * `loop`: the worker has enough to do with real traffic.
 */
export const SHADOW_DROPS = [
  'method', 'body', 'incomplete', 'no_answer', 'same_version', 'no_endpoint', 'unreachable', 'requests', 'bytes', 'memory',
  'in_flight', 'descriptors', 'loop'
] as const

export type ShadowDrop = typeof SHADOW_DROPS[number]

/** Every request that was drawn is dropped or sent, every copy that was sent is same, different, failed or not compared. */
export interface ShadowCounts {
  /** Requests of clients that were drawn, but for those that the version of the mirror serves itself. */
  readonly drawn: number
  readonly sent: number
  readonly same: number
  readonly different: Readonly<Record<ShadowDifference, number>>
  readonly failed: Readonly<Record<ShadowFailure, number>>
  readonly dropped: Readonly<Record<ShadowDrop, number>>
  /** The copy was answered, and the real answer did not come to its end; or there was no room to keep what had to be compared. */
  readonly uncompared: number
  /** Of the copies that were compared: the answer is longer than `maxAnswerBytes`. */
  readonly cut: number
  /** Of those that differ: the copy has a 5xx, and the real answer none. */
  readonly serverErrors: number
  /** First bytes of both answers of the copies that were answered. */
  readonly latency: { readonly real: ShadowLatency, readonly shadow: ShadowLatency }
}

/** From the whole request to the first byte of the answer, without the time that opening a connection took. */
export interface ShadowLatency {
  readonly sumS: number
  /** By LATENCY_BOUNDS_S, and one more for all above. */
  readonly buckets: readonly number[]
}

/** One of the two answers of an example. */
export interface ShadowExampleAnswer {
  readonly status: number
  readonly firstByteMs: number
  /** Bytes of the body as far as it was compared. */
  readonly bytes: number
  /** SHA-256 of these, the first 32 hexadecimal digits; empty when bodies are not compared. */
  readonly digest: string
  /** Its beginning, when examples are to have it. */
  readonly body?: string
}

/** A copy that came to something else. */
export interface ShadowExample {
  /** In milliseconds since the Unix epoch. */
  readonly wallMs: number
  readonly kind: ShadowDifference | ShadowFailure
  readonly requestId: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** `address:port` that got the copy. */
  readonly endpoint: string
  /** Names of fields that differ. */
  readonly headers: readonly string[]
  readonly real: ShadowExampleAnswer
  /** Null when it failed before it had a head. */
  readonly shadow: ShadowExampleAnswer | null
}

/** What has come since the last report. */
export interface ShadowReport {
  readonly counts: ShadowCounts
  readonly examples: readonly ShadowExample[]
}

type Mutable<T> = T extends object ? { -readonly [Key in keyof T]: Mutable<T[Key]> } : T

/** Counts that are being added to. */
export type ShadowTally = Mutable<ShadowCounts>

/** @param buckets of the latencies */
export function emptyShadowTally (buckets: number): ShadowTally {
  const latency = (): ShadowTally['latency']['real'] => ({ sumS: 0, buckets: new Array<number>(buckets).fill(0) })
  return {
    drawn: 0,
    sent: 0,
    same: 0,
    different: { status: 0, headers: 0, body: 0 },
    failed: { connect: 0, reset: 0, timeout: 0, malformed: 0, shed: 0 },
    dropped: {
      method: 0,
      body: 0,
      incomplete: 0,
      no_answer: 0,
      same_version: 0,
      no_endpoint: 0,
      unreachable: 0,
      requests: 0,
      bytes: 0,
      memory: 0,
      in_flight: 0,
      descriptors: 0,
      loop: 0
    },
    uncompared: 0,
    cut: 0,
    serverErrors: 0,
    latency: { real: latency(), shadow: latency() }
  }
}

/** Adds what a report has counted to what was there. */
export function addShadowCounts (to: ShadowTally, counts: ShadowCounts): void {
  for (const name of ['drawn', 'sent', 'same', 'uncompared', 'cut', 'serverErrors'] as const) to[name] += counts[name]
  for (const kind of SHADOW_DIFFERENCES) to.different[kind] += counts.different[kind]
  for (const kind of SHADOW_FAILURES) to.failed[kind] += counts.failed[kind]
  for (const reason of SHADOW_DROPS) to.dropped[reason] += counts.dropped[reason]
  for (const side of ['real', 'shadow'] as const) {
    to.latency[side].sumS += counts.latency[side].sumS
    counts.latency[side].buckets.forEach((count, bucket) => {
      to.latency[side].buckets[bucket] = (to.latency[side].buckets[bucket] ?? 0) + count
    })
  }
}
