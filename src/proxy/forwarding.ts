/**
 * The fields that Weir adds to a request on one client connection: Via, X-Forwarded-For, -Proto and -Host, X-Request-Id.
 *
 * Nobody may write these into a request but a trusted proxy: from any other peer they are replaced, not appended to.
 */
import type { CidrSet } from '../core/cidr-set.ts'
import { FIELD } from '../http1/field-id.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { RequestAdditions } from '../http1/rewrite-request-head.ts'
import { resolveClientIp } from '../routing/client-ip.ts'
import type { RequestIds } from './request-ids.ts'

/** What a request id from a trusted proxy may look like; anything else is replaced. */
const REQUEST_ID = /^[A-Za-z0-9+/=_.:-]{1,128}$/
const SCHEME = /^https?$/i

export class Forwarding {
  /** The address of the client of the current request. */
  clientIp: string
  readonly #peerAddress: string
  #trustedProxies: CidrSet
  #trusted: boolean
  readonly #plain: MutableAdditions

  constructor (peerAddress: string, trustedProxies: CidrSet) {
    this.#peerAddress = peerAddress
    this.#trustedProxies = trustedProxies
    this.#trusted = trustedProxies.has(peerAddress)
    this.clientIp = resolveClientIp(peerAddress, undefined, trustedProxies)
    this.#plain = { prefix: prefixOf(this.clientIp, 'http'), requestId: NO_BYTES, forwardedHost: undefined, defaultHost: '' }
  }

  /** Finds the client of a request; to be called before additions(). */
  identify (head: RequestHead, trustedProxies: CidrSet): void {
    if (trustedProxies !== this.#trustedProxies) this.#trustOthers(trustedProxies)
    if (!this.#trusted) return
    this.clientIp = resolveClientIp(this.#peerAddress, head.fields.joinedById(FIELD.xForwardedFor), trustedProxies)
  }

  /** A reload has changed whom to trust. */
  #trustOthers (trustedProxies: CidrSet): void {
    this.#trustedProxies = trustedProxies
    this.#trusted = trustedProxies.has(this.#peerAddress)
    this.clientIp = resolveClientIp(this.#peerAddress, undefined, trustedProxies)
  }

  /** What to add to a request. The result is valid until the next call. */
  additions (head: RequestHead, ids: RequestIds, endpointKey: string): RequestAdditions {
    if (this.#trusted) return this.#trustedAdditions(head, ids, endpointKey)
    this.#plain.requestId = ids.next()
    this.#plain.defaultHost = endpointKey
    return this.#plain
  }

  #trustedAdditions (head: RequestHead, ids: RequestIds, endpointKey: string): RequestAdditions {
    const { fields } = head
    const before = fields.joinedById(FIELD.xForwardedFor)
    const forwardedFor = before === undefined || before === '' ? this.#peerAddress : `${before}, ${this.#peerAddress}`
    const proto = fields.joinedById(FIELD.xForwardedProto) ?? ''
    const host = fields.joinedById(FIELD.xForwardedHost)
    const id = head.requestIdLine < 0 ? '' : fields.value(head.requestIdLine)
    return {
      prefix: prefixOf(forwardedFor, SCHEME.test(proto) ? proto.toLowerCase() : 'http'),
      requestId: REQUEST_ID.test(id) ? Buffer.from(id, 'latin1') : ids.next(),
      forwardedHost: host === undefined || host === '' ? undefined : Buffer.from(host, 'latin1'),
      defaultHost: endpointKey
    }
  }
}

interface MutableAdditions {
  readonly prefix: Buffer
  requestId: Buffer
  readonly forwardedHost: undefined
  defaultHost: string
}

const NO_BYTES = Buffer.alloc(0)

function prefixOf (forwardedFor: string, proto: string): Buffer {
  return Buffer.from(`Via: 1.1 weir\r\nX-Forwarded-For: ${forwardedFor}\r\nX-Forwarded-Proto: ${proto}\r\nX-Request-Id: `, 'latin1')
}
