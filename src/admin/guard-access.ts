import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { localDefence } from './local-defence.ts'
import { tellProven } from './pace-connections.ts'
import { ProblemError } from './problem-error.ts'
import type { Role, TokenBook, TokenHolder } from './token-book.ts'

/** Who may use a resource: everybody, or the holder of a token with this role. */
export type Access = 'public' | Role

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that does not say is for operators. */
    access?: Access
  }
  interface FastifyRequest {
    /** Who asks: what the history will call them. */
    actor: string
  }
}

/** Who the history names when the API is open. */
const LOCAL_ACTOR = 'local'

/** Checks who asks, before a byte of a body is read. */
export function guardAccess (app: FastifyInstance, tokens: TokenBook): void {
  app.decorateRequest('actor', '')
  app.addHook('onRequest', async (request, reply) => {
    // What does not exist is for viewers, so that nobody else can find out what does.
    const access = request.routeOptions.config.access ?? (request.is404 ? 'viewer' : 'operator')
    if (access === 'public') return
    tellProven(request, false)
    if (tokens.open) {
      defendLocal(request)
      request.actor = LOCAL_ACTOR
    } else {
      request.actor = (await authenticate(request, reply, tokens, access)).name
    }
    tellProven(request, true)
  })
}

function defendLocal (request: FastifyRequest): void {
  const fetchSite = request.headers['sec-fetch-site']
  const refusal = localDefence({
    method: request.method,
    peer: request.socket.remoteAddress,
    host: request.headers.host,
    origin: request.headers.origin,
    fetchSite: typeof fetchSite === 'string' ? fetchSite : undefined
  })
  if (refusal !== undefined) throw new ProblemError(refusal, { detail: 'configure admin.tokens to use the API from elsewhere' })
}

async function authenticate (request: FastifyRequest, reply: FastifyReply, tokens: TokenBook, access: Role): Promise<TokenHolder> {
  const presented = /^bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  const holder = presented === undefined ? undefined : await tokens.find(presented)
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
