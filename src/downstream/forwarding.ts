/**
 * The fields that Weir adds to a request on one client connection: Via, X-Forwarded-For, -Proto and -Host, X-Request-Id.
 *
 * Nobody may write these into a request but a trusted proxy: from any other peer they are replaced, not appended to.
 */
import type { CidrSet } from '../core/cidr-set.ts'
import type { WayIn } from '../actions/redirect-target.ts'
import type { RequestIdentity, RequestOrigin } from '../exchange/request-facts.ts'
import type { HttpRequest, RequestEdits } from '../http/http-request.ts'
import { resolveClientIp } from '../routing/client-ip.ts'
import type { ClientFacts } from './downstream-context.ts'

/** What a request id from a trusted proxy may look like; anything else is replaced. */
const REQUEST_ID = /^[A-Za-z0-9+/=_.:-]{1,128}$/

/** Via names HTTP by its version alone. */
const PROTOCOL_NAME = 'HTTP/'

/** The field with the subject of a client's certificate; only Weir writes it. */
export const CERTIFICATE_SUBJECT_FIELD = 'X-Client-Cert-Subject'

export class Forwarding implements RequestOrigin {
  readonly #client: ClientFacts
  readonly #viaName: string
  #trustedProxies: CidrSet
  #trusted: boolean
  /** The client when nobody is believed who speaks for another one. */
  #ownIp: string
  readonly #plain: MutableEdits
  /** What a trusted proxy says of the scheme of its client. */
  #toldScheme = ''

  /** @param viaName what Via calls this Weir */
  constructor (client: ClientFacts, trustedProxies: CidrSet, viaName: string) {
    this.#client = client
    this.#viaName = viaName
    this.#trustedProxies = trustedProxies
    this.#trusted = trustedProxies.has(client.address)
    this.#ownIp = resolveClientIp(client.address, undefined, trustedProxies)
    this.#plain = {
      prefix: this.#prefix('HTTP/1.1', this.#ownIp, this.#scheme),
      requestId: NO_BYTES,
      forwardedHost: undefined,
      defaultHost: '',
      dropClaims: true,
      fields: null
    }
  }

  get isSecure (): boolean { return this.#trusted ? isEncrypted(this.#toldScheme) : this.#client.secure }

  get #scheme (): 'http' | 'https' { return this.#client.secure ? 'https' : 'http' }

  wayIn (request: HttpRequest): WayIn {
    const own: WayIn = { scheme: this.#scheme, port: this.#client.port }
    const claimed = this.#trusted ? request.header('x-forwarded-proto') : undefined
    if (claimed === undefined) return own
    const scheme = isEncrypted(forwardedProto(claimed, own.scheme)) ? 'https' : 'http'
    return { scheme, port: scheme === 'https' ? 443 : 80 }
  }

  identify (request: HttpRequest, trustedProxies: CidrSet, identity: RequestIdentity): void {
    if (trustedProxies !== this.#trustedProxies) this.#trustOthers(trustedProxies)
    if (!this.#trusted) {
      identity.clientIp = this.#ownIp
      identity.requestId = ''
      return
    }
    const id = request.header('x-request-id') ?? ''
    identity.requestId = REQUEST_ID.test(id) ? id : ''
    identity.clientIp = resolveClientIp(this.#client.address, request.header('x-forwarded-for'), trustedProxies)
  }

  /** What is known of a request that has come in part only: who sends it. */
  identifyPeer (identity: RequestIdentity): void {
    identity.clientIp = this.#ownIp
    identity.requestId = ''
  }

  /** A reload has changed whom to trust. */
  #trustOthers (trustedProxies: CidrSet): void {
    this.#trustedProxies = trustedProxies
    this.#trusted = trustedProxies.has(this.#client.address)
    this.#ownIp = resolveClientIp(this.#client.address, undefined, trustedProxies)
  }

  edits (request: HttpRequest, identity: RequestIdentity, requestId: Buffer, defaultHost: string): RequestEdits {
    if (this.#trusted) return this.#trustedEdits(request, identity, { requestId, defaultHost })
    this.#plain.requestId = requestId
    this.#plain.defaultHost = defaultHost
    this.#plain.fields = null
    return request.protocol === 'HTTP/1.1'
      ? this.#plain
      : { ...this.#plain, prefix: this.#prefix(request.protocol, identity.clientIp, this.#scheme) }
  }

  #trustedEdits (
    request: HttpRequest, identity: RequestIdentity, { requestId, defaultHost }: Pick<RequestEdits, 'requestId' | 'defaultHost'>
  ): RequestEdits {
    const before = request.header('x-forwarded-for')
    const forwardedFor = before === undefined || before === '' ? this.#client.address : `${before}, ${this.#client.address}`
    const host = request.header('x-forwarded-host')
    this.#toldScheme = forwardedProto(request.header('x-forwarded-proto'), this.#scheme)
    const prefix = this.#prefix(request.protocol, forwardedFor, this.#toldScheme)
    return {
      // A copy stays one behind the next Weir.
      prefix: request.header('x-weir-shadow') === undefined ? prefix : Buffer.concat([SHADOW_LINE, prefix]),
      requestId: identity.requestId === '' ? requestId : Buffer.from(identity.requestId, 'latin1'),
      forwardedHost: host === undefined || host === '' ? undefined : Buffer.from(host, 'latin1'),
      defaultHost,
      dropClaims: false,
      fields: null
    }
  }

  /** @param protocol the version that the client spoke, which Via tells (RFC 9110 section 7.6.3) */
  #prefix (protocol: string, forwardedFor: string, proto: string): Buffer {
    const subject = this.#client.certificateSubject
    const certificate = subject === undefined ? '' : `${CERTIFICATE_SUBJECT_FIELD}: ${subject}\r\n`
    return Buffer.from(`Via: ${protocol.slice(PROTOCOL_NAME.length)} ${this.#viaName}\r\n${certificate}X-Forwarded-For: ${forwardedFor}\r\nX-Forwarded-Proto: ${proto}\r\nX-Request-Id: `, 'latin1')
  }
}

interface MutableEdits extends RequestEdits {
  requestId: Buffer
  defaultHost: string
}

const NO_BYTES = Buffer.alloc(0)
const SHADOW_LINE = Buffer.from('X-Weir-Shadow: 1\r\n', 'latin1')

/** What X-Forwarded-Proto may say. Some proxies write `ws` and `wss` for the handshake of a WebSocket. */
const SCHEME = /^[ \t]*(https?|wss?)[ \t]*$/i

function isEncrypted (scheme: string): boolean {
  return scheme === 'https' || scheme === 'wss'
}

/**
 * The scheme that the client has used, as a trusted proxy tells it. Proxies in a row make a list, the client's side first: its first
 * member is what the client knows, whatever the proxies speak among themselves. Origins compare the whole value, so they get that
 * member alone. Members that are no scheme say nothing.
 * @param claimed the value of X-Forwarded-Proto, several lines joined by commas
 * @param own the scheme of the connection to Weir
 */
function forwardedProto (claimed: string | undefined, own: string): string {
  if (claimed === undefined) return own
  for (const member of claimed.split(',')) {
    const scheme = SCHEME.exec(member)?.[1]
    if (scheme !== undefined) return scheme.toLowerCase()
  }
  return own
}
