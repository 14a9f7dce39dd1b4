import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from './problem.ts'

/** What a resource has. */
interface KnownResource {
  /** As in the field Allow. */
  readonly allow: string
  /** No token is needed to know of it. */
  readonly isPublic: boolean
}

/** The resources of a server and their methods. A route for each method that is not there would cost megabytes. */
export class ResourceMethods {
  readonly #methods = new Map<string, Set<string>>()
  readonly #public = new Set<string>()
  /** Two hooks ask for it. */
  readonly #found = new WeakMap<FastifyRequest, { readonly resource: KnownResource | undefined }>()
  #patterns: ReadonlyArray<readonly [pattern: RegExp, resource: KnownResource]> | undefined

  /** Call it before the resources are registered. */
  constructor (app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method, config }) => {
      const known = this.#methods.get(url) ?? new Set()
      for (const name of [method].flat()) known.add(name)
      this.#methods.set(url, known)
      if (config?.access === 'public') this.#public.add(url)
    })
  }

  /** The resource to which a request goes whose method nobody has; undefined when there is none at its path. */
  at (request: FastifyRequest): KnownResource | undefined {
    if (!request.is404) return undefined
    const found = this.#found.get(request) ?? { resource: this.#lookFor(request.url) }
    this.#found.set(request, found)
    return found.resource
  }

  #lookFor (url: string): KnownResource | undefined {
    const path = url.replace(/[?#].*$/s, '')
    this.#patterns ??= [...this.#methods].map(([known, methods]) => [
      patternOf(known), { allow: [...methods, 'OPTIONS'].join(', '), isPublic: this.#public.has(known) }
    ])
    return this.#patterns.find(([pattern]) => pattern.test(path))?.[1]
  }
}

/** `/v1/routes/:route` as a pattern of the paths that it stands for. */
function patternOf (url: string): RegExp {
  return new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[a-zA-Z]+/g, '[^/]+')}$`)
}

/**
 * Answers methods that a resource does not have: 405 with Allow (RFC 9110 section 15.5.6), and OPTIONS with 204. In a hook, so that the
 * body of a refused method is not read; behind the one that looks who asks.
 */
export function refuseOtherMethods (app: FastifyInstance, methods: ResourceMethods): void {
  app.addHook('onRequest', async (request, reply) => {
    const resource = methods.at(request)
    if (resource === undefined) return undefined
    void reply.header('allow', resource.allow)
    if (request.method !== 'OPTIONS') throw new ProblemError('method_not_allowed', { detail: `the resource has ${resource.allow}` })
    return await reply.code(204).send()
  })
}
