/**
 * What protects an API without tokens. It listens on loopback only, but the browser of somebody on this machine can reach
 * that too, on behalf of any web site: through DNS names that resolve to 127.0.0.1, and through cross-site requests.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { endpointKey } from '../core/endpoint.ts'
import type { ResourceMethods } from './resource-methods.ts'
import { tellProven } from './pace-connections.ts'
import { ProblemError, type ProblemCode } from './problem.ts'
import type { Role, TokenBook, TokenHolder } from './token-book.ts'
import { isLoopback, parseIp } from '../core/socket-address.ts'
import type { ProofGate, SignAnswer } from '../replicas/proof-gate.ts'

/** Who may use a resource: everybody, the holder of a token with this role, or another replica. */
type Access = 'public' | Role | 'replica'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that does not say is for operators. */
    access?: Access
    /**
     * The token may also come as the password of Basic (RFC 7617), which is all that a URL can say. Browsers keep such a password and send
     * it for other sites, so only what changes nothing takes it.
     */
    takesPassword?: true
  }
  interface FastifyRequest {
    /** Who asks: what the history will call them. */
    actor: string
    /** Makes the proof of an answer to another replica. */
    signAnswer: SignAnswer | null
  }
}

/** Who the history names when the API is open. */
const LOCAL_ACTOR = 'local'

/** Who the history would name, if replicas changed anything. */
const REPLICA_ACTOR = 'replica'

interface GuardedResources {
  readonly methods: ResourceMethods
  /** Whom other replicas have to convince; undefined: there are none, and their resource is for nobody. */
  readonly gate: Pick<ProofGate, 'admit'> | undefined
}

/** Checks who asks, before a byte of a body is read. */
export function guardAccess (app: FastifyInstance, tokens: TokenBook, { methods, gate }: GuardedResources): void {
  app.decorateRequest('actor', '')
  app.decorateRequest('signAnswer', null)
  app.addHook('onRequest', async (request, reply) => {
    // What does not exist is for viewers, so that nobody else can find out what does.
    const access = request.routeOptions.config.access ?? (request.is404 ? 'viewer' : 'operator')
    if (access === 'public' || methods.at(request)?.isPublic === true) return
    tellProven(request, false)
    if (access === 'replica' && gate !== undefined) {
      request.signAnswer = await provePeer(request, reply, gate)
      request.actor = REPLICA_ACTOR
    } else if (tokens.open) {
      defendLocal(request)
      request.actor = LOCAL_ACTOR
    } else {
      request.actor = (await authenticate(request, reply, tokens, access === 'replica' ? 'viewer' : access)).name
    }
    tellProven(request, true)
  })
}

/** May who asks read more than everybody? For resources that are public in part; refuses nobody. */
export async function mayRead (request: FastifyRequest, tokens: TokenBook): Promise<boolean> {
  return tokens.open ? refusalOf(request) === undefined : await holderOf(request, tokens) !== undefined
}

/** Who asks, where each client has a part of what there is: a name and the address that it comes from. */
export function clientOf (request: FastifyRequest): string {
  return `${request.actor} ${request.socket.remoteAddress ?? ''}`
}

/** Neither a token nor an address of this machine is enough: this resource is never open. */
async function provePeer (request: FastifyRequest, reply: FastifyReply, gate: Pick<ProofGate, 'admit'>): Promise<SignAnswer> {
  const { remoteAddress = '', localAddress = '', localPort = 0 } = request.socket
  const admission = await gate.admit({
    method: request.method,
    target: request.raw.url ?? '',
    to: request.headers.host ?? '',
    authorization: request.headers.authorization,
    local: endpointKey({ address: parseIp(localAddress)?.address ?? localAddress, port: localPort }),
    peer: remoteAddress
  })
  if (admission.ok) return admission.sign
  void reply.header('www-authenticate', admission.challenge)
  throw new ProblemError('unauthenticated', { detail: 'this resource is for other replicas of this Weir, which prove that they know its secret' })
}

function defendLocal (request: FastifyRequest): void {
  const refusal = refusalOf(request)
  if (refusal !== undefined) throw new ProblemError(refusal, { detail: 'configure admin.tokens to use the API from elsewhere' })
}

function refusalOf (request: FastifyRequest): ProblemCode | undefined {
  const fetchSite = request.headers['sec-fetch-site']
  return localDefence({
    method: request.method,
    peer: request.socket.remoteAddress,
    host: request.headers.host,
    origin: request.headers.origin,
    fetchSite: typeof fetchSite === 'string' ? fetchSite : undefined
  })
}

function presentedBy (request: FastifyRequest): string | undefined {
  const { authorization = '' } = request.headers
  const basic = request.routeOptions.config.takesPassword === true ? /^basic +([a-z0-9+/]+=*) *$/i.exec(authorization)?.[1] : undefined
  // RFC 7617 section 2: the password is what follows the first colon.
  if (basic !== undefined) return /^[^:]*:([^ ]+)$/s.exec(Buffer.from(basic, 'base64').toString('latin1'))?.[1]
  return /^bearer +([^ ]+) *$/i.exec(authorization)?.[1]
}

async function holderOf (request: FastifyRequest, tokens: TokenBook): Promise<TokenHolder | undefined> {
  const presented = presentedBy(request)
  return presented === undefined ? undefined : await tokens.find(presented)
}

async function authenticate (request: FastifyRequest, reply: FastifyReply, tokens: TokenBook, access: Role): Promise<TokenHolder> {
  const presented = presentedBy(request)
  const holder = await holderOf(request, tokens)
  if (holder === undefined) {
    // RFC 6750 section 3: no error code when no token was sent.
    void reply.header('www-authenticate', `Bearer realm="weir"${presented === undefined ? '' : ', error="invalid_token"'}`)
    throw new ProblemError('unauthenticated', { detail: 'send Authorization: Bearer <token>' })
  }
  if (access === 'operator' && holder.role !== 'operator') {
    void reply.header('www-authenticate', 'Bearer realm="weir", error="insufficient_scope"')
    throw new ProblemError('forbidden', { detail: `token "${holder.name}" has the role ${holder.role}; changes need the role operator` })
  }
  return holder
}

/** What the checks look at. */
export interface LocalRequest {
  readonly method: string
  /** The address of the client. */
  readonly peer: string | undefined
  readonly host: string | undefined
  readonly origin: string | undefined
  /** The field Sec-Fetch-Site, which browsers set and scripts can't. */
  readonly fetchSite: string | undefined
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Decides whether an API without tokens may answer; undefined when it may. */
export function localDefence (request: LocalRequest): ProblemCode | undefined {
  if (request.peer === undefined || !isLoopback(request.peer)) return 'not_local'
  if (request.host !== undefined && !isLocalHost(request.host)) return 'host_not_allowed'
  if (SAFE_METHODS.has(request.method)) return undefined
  if (request.fetchSite !== undefined && request.fetchSite !== 'same-origin' && request.fetchSite !== 'none') return 'cross_site'
  if (request.origin !== undefined && request.origin.toLowerCase() !== `http://${request.host?.toLowerCase() ?? ''}`) return 'cross_site'
  return undefined
}

/** Is this a value of the Host field that no foreign DNS server can give to a page: `localhost`, or a loopback address? */
function isLocalHost (host: string): boolean {
  const match = /^(\[[^\]]*\]|[^:]*)(:[0-9]*)?$/.exec(host.toLowerCase())
  const name = match?.[1] ?? ''
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name)
}
