/**
 * The part of the Kubernetes API that Weir needs, as a port: what follows a collection does not know how it is reached.
 */

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
