/**
 * The part of the Kubernetes API that Weir needs, as a port: what follows a collection does not know how it is reached.
 */
import { errorText } from '../core/error-text.ts'

/** A collection of objects in one namespace. */
export interface KubeCollection {
  /** The API group and version: `discovery.k8s.io/v1`. */
  readonly groupVersion: string
  /** The plural of the resource: `endpointslices`. */
  readonly plural: string
  /** Undefined: the namespace of the credentials. */
  readonly namespace: string | undefined
  /** Which objects; empty for all. */
  readonly labelSelector: string
  /** The one object of this name; its Role may then be bound to that name. */
  readonly objectName?: string
  /**
   * Asks for the metadata of the objects and nothing else
   * (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables has the negotiation). A server that can't
   * do that sends whole objects, which read the same.
   */
  readonly metadataOnly?: boolean
}

/** One object, by its name. */
export interface KubeObjectName {
  /** `v1` is the core group. */
  readonly groupVersion: string
  readonly plural: string
  /** Undefined: the namespace of the credentials. */
  readonly namespace: string | undefined
  readonly name: string
}

/** Reads and writes single objects. What is thrown is a KubeError; its `status` is that of a refusal. */
export interface KubeObjectApi {
  /** @throws KubeError; 404 when there is none */
  get (object: KubeObjectName, timeoutMs: number): Promise<unknown>
  /** @throws KubeError; 409 when there is one already */
  create (object: KubeObjectName, body: unknown, timeoutMs: number): Promise<unknown>
  /** @throws KubeError; 409 when the resourceVersion in `body` is not the one that is stored, 404 when there is none */
  replace (object: KubeObjectName, body: unknown, timeoutMs: number): Promise<unknown>
}

export interface KubeListRequest {
  readonly collection: KubeCollection
  /** The most objects of a page; 0 asks for all at once. */
  readonly limit: number
  /** From the page before; empty for the first page. */
  readonly continueToken: string
  /** `latest` is a consistent read; `any` (resourceVersion=0) takes what the server has in its cache, however old. */
  readonly freshness: 'latest' | 'any'
  readonly signal: AbortSignal
}

export interface KubeListPage {
  /** The version of the whole collection, the same on every page. To be compared for equality only. */
  readonly resourceVersion: string
  /** Empty on the last page. */
  readonly continueToken: string
  readonly items: readonly unknown[]
}

export interface KubeWatchRequest {
  readonly collection: KubeCollection
  /** Events after this version. */
  readonly resourceVersion: string
  /** The server ends the watch cleanly after this time. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
  /** Told when the server has agreed to the watch, which may be long before the first event. */
  readonly opened?: () => void
}

/** One line of a watch. `ERROR` carries a Status, `BOOKMARK` an object with nothing but a resourceVersion. */
export interface KubeWatchEvent {
  readonly type: string
  readonly object: unknown
}

export interface KubeApi {
  /** The namespace of the credentials; undefined before they were read, so before the first answer. */
  readonly ownNamespace?: string | undefined
  /**
   * One page of a collection.
   * @throws KubeError for anything that is not a page, an abort of the signal included
   */
  list (request: KubeListRequest): Promise<KubeListPage>
  /**
   * The events of a collection, with bookmarks. The iteration returns when the server ended the watch cleanly.
   * @throws KubeError, from the iteration, for any other end, an abort of the signal included
   */
  watch (request: KubeWatchRequest): AsyncIterable<KubeWatchEvent>
}

/**
 * What can go wrong between Weir and the Kubernetes API. Every one of them is worth another try: the API server that
 * says 401, 403 or 404 while it starts is the same one that says 200 a second later.
 */

/**
 * - `credentials`: no usable credentials, or the credential plugin failed
 * - `network`: no connection, or it broke in mid-answer
 * - `timeout`: no answer in time
 * - `silent`: a watch gave neither an event nor a bookmark for too long
 * - `status`: the server refused with an HTTP status
 * - `gone`: 410, the resourceVersion or continue token is too old
 * - `malformed`: the answer is not what the API promises
 * - `too-large`: a line, a page or a collection beyond the bounds of Weir's memory
 */
type KubeErrorKind = 'credentials' | 'network' | 'timeout' | 'silent' | 'status' | 'gone' | 'malformed' | 'too-large'

/** What is known of a failure beside its message. */
interface KubeErrorDetail {
  readonly status?: number | undefined
  /** The server's wish, from Retry-After. */
  readonly retryAfterMs?: number | undefined
  /** The body was a Status of the API server, so it is no answer of something before it. */
  readonly isStatus?: boolean
  readonly cause?: unknown
}

export class KubeError extends Error {
  readonly kind: KubeErrorKind
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
  /** The refusal has a Status of the API server as its body. */
  readonly isStatus: boolean

  constructor (kind: KubeErrorKind, message: string, detail: KubeErrorDetail = {}) {
    super(message, { cause: detail.cause })
    this.name = 'KubeError'
    this.kind = kind
    this.status = detail.status
    this.retryAfterMs = detail.retryAfterMs
    this.isStatus = detail.isStatus ?? false
  }

  /** Any thrown thing as a KubeError; what has no kind of its own is taken for a network failure. */
  static from (thrown: unknown): KubeError {
    if (thrown instanceof KubeError) return thrown
    const message = thrown instanceof Error ? describe(thrown) : errorText(thrown)
    return new KubeError('network', message, { cause: thrown })
  }
}

function describe (error: Error): string {
  // Node's words for a connection that ends too soon do not say whose end it was.
  if (error.message === 'aborted') return 'the connection was closed in mid-answer, by the API server or something before it'
  if (error.message === 'socket hang up') return 'the connection was closed without an answer, by the API server or something before it'
  const text = errorText(error)
  return text === '' ? error.name : text
}
