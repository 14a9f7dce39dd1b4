/**
 * What a worker is told of copies of a route's requests: to which version they go, how many, and what is compared.
 */

/** What is compared besides statuses and times. */
export interface MirrorCompare {
  /** Names in lower case: these fields alone are compared; null: all but those left out. */
  readonly headers: readonly string[] | null
  /** Names in lower case: these fields are not compared. */
  readonly ignoreHeaders: readonly string[]
  readonly body: boolean
  /** JSON Pointers (RFC 6901); a segment `*` stands for every member or element. What they name is left out of a JSON body. */
  readonly ignoreJsonPaths: readonly string[]
  /** A JSON body up to so many bytes is compared as JSON, others byte by byte. */
  readonly maxJsonBytes: number
  /** So many bytes of each body are kept in an example; 0: none. */
  readonly exampleBytes: number
}

/** A route's `mirror`. */
export interface MirrorSpec {
  /** The version that gets the copies. */
  readonly to: string
  /** The share of the clients whose requests are copied, 0 to 100. */
  readonly percent: number
  /** A request with a larger body is not copied. */
  readonly maxBodyBytes: number
  /** The answer to a copy is read so far, and both answers are compared so far; then the copy is ended. */
  readonly maxAnswerBytes: number
  /** `safe`: requests of the methods GET, HEAD and OPTIONS alone (RFC 9110 section 9.2.1). */
  readonly methods: 'safe' | 'all'
  /** Cookie goes along. */
  readonly cookies: boolean
  /** Authorization goes along. */
  readonly authorization: boolean
  /** Names in lower case of further fields that copies do not have. */
  readonly removeHeaders: readonly string[]
  /** How long the whole answer to a copy may take. */
  readonly timeoutMs: number
  /** Null: statuses and times alone. */
  readonly compare: MirrorCompare | null
}

/** What the control plane says of a mirror at run time, which wins over the file. */
export interface MirrorOverride {
  /** Null: nothing is copied, whatever the file says. */
  readonly mirror: MirrorSpec | null
}

/** What all copies of one worker may take. */
export interface ShadowLimits {
  readonly maxRequests: number
  readonly maxBytes: number
  /** 0 sets no limit. */
  readonly maxLoopLagMs: number
  /** The part of the time, 0 to 1, that the event loop may be busy. */
  readonly maxLoopUtilization: number
}

/** A mirror of which nothing is said but where it leads: the defaults of the configuration. */
const DEFAULT_MIRROR: Omit<MirrorSpec, 'to' | 'percent'> = {
  maxBodyBytes: 65_536,
  maxAnswerBytes: 1_048_576,
  methods: 'safe',
  cookies: false,
  authorization: false,
  removeHeaders: [],
  timeoutMs: 10_000,
  compare: {
    headers: null,
    ignoreHeaders: ['age', 'date', 'etag', 'expires', 'last-modified', 'server', 'set-cookie', 'via', 'x-request-id'],
    body: true,
    ignoreJsonPaths: [],
    maxJsonBytes: 65_536,
    exampleBytes: 0
  }
}

/**
 * The mirror that a step of a rollout wants.
 * @param file what the configuration says of the route's mirror; null without
 */
export function mirrorOfStep (to: string, percent: number, file: MirrorSpec | null): MirrorSpec {
  return { ...(file ?? DEFAULT_MIRROR), to, percent }
}
