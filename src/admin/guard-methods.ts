import type { FastifyInstance, FastifySchema } from 'fastify'
import { ProblemError } from './problem-error.ts'

/** Kept out of the OpenAPI document, which says nothing of methods that are not there. */
const UNDOCUMENTED: FastifySchema & { readonly hide: true } = { hide: true }

/**
 * Answers methods that a resource does not have: 405 with Allow (RFC 9110 section 15.5.6), and OPTIONS with 204.
 * Call it before the resources are registered.
 * @returns call it once they are
 */
export function guardMethods (app: FastifyInstance): () => void {
  const methods = new Map<string, Set<string>>()
  const openUrls = new Set<string>()
  app.addHook('onRoute', ({ url, method, config }) => {
    const known = methods.get(url) ?? new Set()
    for (const name of [method].flat()) known.add(name)
    methods.set(url, known)
    if (config?.access === 'public') openUrls.add(url)
  })
  return () => {
    for (const [url, known] of [...methods]) {
      const allow = [...known, 'OPTIONS'].join(', ')
      app.route({
        url,
        method: app.supportedMethods.filter(name => !known.has(name)),
        schema: UNDOCUMENTED,
        config: { access: openUrls.has(url) ? 'public' : 'viewer' },
        // In a hook, so that the body of a refused method is not read.
        onRequest: async (request, reply) => {
          void reply.header('allow', allow)
          if (request.method !== 'OPTIONS') throw new ProblemError('method_not_allowed', { detail: `the resource has ${allow}` })
        },
        handler: async (_request, reply) => reply.code(204).send()
      })
    }
  }
}
