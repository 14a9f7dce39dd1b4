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
import type { ClientFacts } from './client-facts.ts'
import { forwardedProto } from './forwarded-proto.ts'

/** What a request id from a trusted proxy may look like; anything else is replaced. */
const REQUEST_ID = /^[A-Za-z0-9+/=_.:-]{1,128}$/

/** The field with the subject of a client's certificate; only Weir writes it. */
export const CERTIFICATE_SUBJECT_FIELD = 'X-Client-Cert-Subject'

export class Forwarding {
  /** The address of the client of the current request. */
  clientIp: string
  /** The id that a trusted proxy has given it; empty when Weir has to. */
  requestId = ''
  readonly #client: ClientFacts
  readonly #viaName: string
  #trustedProxies: CidrSet
  #trusted: boolean
  readonly #plain: MutableAdditions

  /** @param viaName what Via calls this Weir */
  constructor (client: ClientFacts, trustedProxies: CidrSet, viaName: string) {
    this.#client = client
    this.#viaName = viaName
    this.#trustedProxies = trustedProxies
    this.#trusted = trustedProxies.has(client.address)
    this.clientIp = resolveClientIp(client.address, undefined, trustedProxies)
    this.#plain = { prefix: this.#prefix(1, this.clientIp, this.#scheme), requestId: NO_BYTES, forwardedHost: undefined, defaultHost: '' }
  }

  get #scheme (): string { return this.#client.secure ? 'https' : 'http' }

  /** Finds the client of a request; to be called before additions(). */
  identify (head: RequestHead, trustedProxies: CidrSet): void {
    if (trustedProxies !== this.#trustedProxies) this.#trustOthers(trustedProxies)
    if (!this.#trusted) return
    const id = head.requestIdLine < 0 ? '' : head.fields.value(head.requestIdLine)
    this.requestId = REQUEST_ID.test(id) ? id : ''
    this.clientIp = resolveClientIp(this.#client.address, head.fields.joinedById(FIELD.xForwardedFor), trustedProxies)
  }

  /** A reload has changed whom to trust. */
  #trustOthers (trustedProxies: CidrSet): void {
    this.#trustedProxies = trustedProxies
    this.#trusted = trustedProxies.has(this.#client.address)
    this.forget()
  }

  /** Of the next request nothing is known but who sends it. */
  forget (): void {
    this.requestId = ''
    this.clientIp = resolveClientIp(this.#client.address, undefined, this.#trustedProxies)
  }

  /**
   * What to add to a request. The result is valid until the next call.
   * @param requestId its id, unless a trusted proxy has given it one
   * @param defaultHost for a request that names no host
   */
  additions (head: RequestHead, requestId: Buffer, defaultHost: string): RequestAdditions {
    if (this.#trusted) return this.#trustedAdditions(head, requestId, defaultHost)
    if (head.claimsOrigin) dropClaims(head)
    this.#plain.requestId = requestId
    this.#plain.defaultHost = defaultHost
    return head.minor === 1 ? this.#plain : { ...this.#plain, prefix: this.#prefix(head.minor, this.clientIp, this.#scheme) }
  }

  #trustedAdditions (head: RequestHead, requestId: Buffer, defaultHost: string): RequestAdditions {
    const { fields } = head
    const before = fields.joinedById(FIELD.xForwardedFor)
    const forwardedFor = before === undefined || before === '' ? this.#client.address : `${before}, ${this.#client.address}`
    const host = fields.joinedById(FIELD.xForwardedHost)
    return {
      prefix: this.#prefix(head.minor, forwardedFor, forwardedProto(fields.joinedById(FIELD.xForwardedProto), this.#scheme)),
      requestId: this.requestId === '' ? requestId : Buffer.from(this.requestId, 'latin1'),
      forwardedHost: host === undefined || host === '' ? undefined : Buffer.from(host, 'latin1'),
      defaultHost
    }
  }

  /** @param minor of the version that the client spoke, which Via tells (RFC 9110 section 7.6.3) */
  #prefix (minor: number, forwardedFor: string, proto: string): Buffer {
    const subject = this.#client.certificateSubject
    const certificate = subject === undefined ? '' : `${CERTIFICATE_SUBJECT_FIELD}: ${subject}\r\n`
    return Buffer.from(`Via: 1.${minor} ${this.#viaName}\r\n${certificate}X-Forwarded-For: ${forwardedFor}\r\nX-Forwarded-Proto: ${proto}\r\nX-Request-Id: `, 'latin1')
  }
}

interface MutableAdditions {
  readonly prefix: Buffer
  requestId: Buffer
  readonly forwardedHost: undefined
  defaultHost: string
}

const NO_BYTES = Buffer.alloc(0)

/** What an untrusted client says of where its request came from, in fields that Weir does not write itself. */
function dropClaims (head: RequestHead): void {
  const { fields } = head
  for (let line = 0; line < fields.count; line++) if (fields.ids[line] === FIELD.originClaim) fields.dropLate(line)
}
