import swagger from '@fastify/swagger'
import { createAdminServer, registerResources } from '../../src/admin/admin-server.ts'
import type { AdminDeps } from '../../src/admin/admin-deps.ts'
import { systemClock } from '../../src/core/clock.ts'
import { EventBook } from '../../src/control/event-book.ts'
import { TokenBook } from '../../src/admin/token-book.ts'
import type { Generator } from './generator.ts'

const silent = { info () {}, warn () {}, error () {} }

/** Nothing is asked while routes are only described. */
const undemanded = (): never => { throw new Error('a resource was used while the API was being described') }

const deps: AdminDeps = {
  clock: systemClock,
  log: silent,
  tokens: new TokenBook([], systemClock, silent),
  traffic: { route: undemanded, routes: undemanded, change: undemanded },
  rollouts: { start: undemanded, act: undemanded, status: undemanded, verdict: undemanded, report: undemanded },
  events: new EventBook('openapi', systemClock),
  lists: { lists: undemanded, list: undemanded, kept: undemanded, add: undemanded, remove: undemanded, import: undemanded },
  webhooks: undemanded,
  stopping: new AbortController().signal,
  details: undemanded,
  usedEndpoints: undemanded,
  plan: undemanded,
  clients: undemanded,
  drain: undemanded,
  shadow: { status: undemanded, examples: undemanded, forgetExamples: undemanded },
  replicas: { list: undemanded, others: undefined },
  readiness: undemanded,
  state: undemanded,
  metrics: undemanded,
  explain: undemanded,
  explainRequest: undemanded
}

const DESCRIPTION = `The control plane of Weir: read and change which version of a service gets how much traffic.

Errors are problem details (RFC 9457); match on \`code\`. Changes take If-Match with the ETag of the route.`

/** The description of the admin API, which Weir serves as it is. */
export const openapi: Generator = {
  path: 'src/admin/openapi.json',
  content: async () => {
    const app = createAdminServer({ log: silent, clock: systemClock })
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Weir admin API',
          version: '1',
          description: DESCRIPTION,
          license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
        },
        servers: [{ url: 'http://127.0.0.1:9901', description: 'The default address.' }],
        tags: [
          { name: 'Routes', description: 'What is there, and who gets what.' },
          { name: 'Changes', description: 'Moving traffic, and how it came to be.' },
          { name: 'Rollouts', description: 'Moving traffic step by step, judged by what the new version answers.' },
          { name: 'Lists', description: 'Clients that get one version, whatever its weight.' },
          { name: 'Operations', description: 'For probes and Prometheus.' },
          { name: 'About', description: 'The API itself.' }
        ],
        components: {
          securitySchemes: {
            token: {
              type: 'http', scheme: 'bearer', description: 'A token of admin.tokens. `viewer` may read, `operator` may change. Without any configured token the API is open to this machine.'
            },
            replica: {
              type: 'http', scheme: 'Weir-Replica', description: 'A proof by the secret of replicas.secretFile, which no token stands for.'
            }
          }
        }
      },
      refResolver: {
        buildLocalReference: (json, _base, _fragment, index) => typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`
      }
    })
    registerResources(app, deps)
    await app.ready()
    try {
      return `${JSON.stringify(withOptionalBodies(Object(app.swagger())), null, 2)}\n`
    } finally {
      await app.close()
    }
  }
}

/** The part of a document that is corrected here. */
interface WithBodies {
  readonly paths: Readonly<Record<string, { readonly post?: { readonly requestBody?: { required?: boolean } } }>>
}

/** The plugin takes every body for required; those of these operations may be left out. */
const OPTIONAL_BODIES: readonly string[] = [
  '/undo', '/rollout', ...['pause', 'resume', 'promote', 'abort', 'retry'].map(action => `/rollout/${action}`), '/verdict/{gate}'
]

function withOptionalBodies (document: object): object {
  // The plugin's own type is a union of all versions of OpenAPI; what it makes is checked below.
  const copy = structuredClone(document) as WithBodies
  for (const below of OPTIONAL_BODIES) {
    const body = copy.paths[`/v1/routes/{route}${below}`]?.post?.requestBody
    if (body === undefined) throw new Error(`${below} has no body to make optional`)
    body.required = false
  }
  return copy
}
