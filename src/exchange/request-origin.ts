/**
 * Where the requests of a client connection come from, and what an endpoint is told of it.
 */
import type { CidrSet } from '../core/cidr-set.ts'
import type { HttpRequest, RequestEdits } from '../http/http-request.ts'

/** Who has sent a request, as far as peers that are trusted say. */
export interface RequestIdentity {
  /** The address of the client. */
  clientIp: string
  /** The id that a trusted proxy has given the request; empty when Weir has to. */
  requestId: string
}

export interface RequestOrigin {
  /** Finds out who has sent a request, and writes it to `identity`. */
  identify (request: HttpRequest, trustedProxies: CidrSet, identity: RequestIdentity): void
  /**
   * What the endpoint gets besides the request's own fields. Valid until the next call.
   * @param requestId its id, unless a trusted proxy has given it one
   * @param defaultHost for a request that names no host
   */
  edits (request: HttpRequest, identity: RequestIdentity, requestId: Buffer, defaultHost: string): RequestEdits
}
