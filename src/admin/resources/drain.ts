/**
 * Whether a version may be scaled down, at once or when it is safe.
 */
import type { FastifyInstance } from 'fastify'
import type { Clock, TimerHandle } from '../../core/clock.ts'
import { DURATION_PATTERN } from '../../core/duration.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { Type, type Static } from '../../core/json-schema.ts'
import { clientOf } from '../guard-access.ts'
import { describeOperation, readWaitTimeout, unknownRoute, VersionParamsSchema, type VersionParams } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import type { VersionDrainStatus } from '../../control/version-drain.ts'
import { ClusterDrainSchema, describeClusterDrain } from '../replica-schemas.ts'

const LOOK_MS = 100
/** Between two questions to the other replicas. */
const OTHERS_MS = 250
/** Each of them holds a connection of the admin API. */
const MAX_WAITERS = 100
/** One client leaves room for others. */
const MAX_WAITERS_PER_CLIENT = 25

interface Waiter {
  readonly client: string
  readonly isOver: () => boolean
  readonly untilMs: number
  readonly resolve: () => void
}

class DrainWaiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  #released = false
  #timer: TimerHandle | undefined

  constructor (clock: Clock) {
    this.#clock = clock
  }

  get size (): number { return this.#waiters.size }

  /** Nobody is waited for any more. */
  get released (): boolean { return this.#released }

  /** Why this client may not wait too, for people; undefined when it may. */
  refusal (client: string): string | undefined {
    if (this.#waiters.size >= MAX_WAITERS) return `${MAX_WAITERS} wait already`
    let own = 0
    for (const waiter of this.#waiters) if (waiter.client === client) own++
    return own >= MAX_WAITERS_PER_CLIENT ? `${MAX_WAITERS_PER_CLIENT} of this client wait already` : undefined
  }

  /**
   * Resolves when `isOver` says so, when the time is over, when `gone` is aborted, or when nobody is waited for any more.
   * @param client who waits: a name, the same for all that share a client's part
   */
  async wait (
    client: string, isOver: () => boolean, { timeoutMs, gone }: { readonly timeoutMs: number, readonly gone: AbortSignal }
  ): Promise<void> {
    if (timeoutMs === 0 || gone.aborted || this.#released || isOver()) return
    const { promise, resolve: release } = Promise.withResolvers<void>()
    const resolve = (): void => { release() }
    const waiter = { client, isOver, untilMs: this.#clock.nowMs() + timeoutMs, resolve }
    this.#waiters.add(waiter)
    gone.addEventListener('abort', resolve)
    this.#timer ??= this.#schedule()
    await promise
    gone.removeEventListener('abort', resolve)
    this.#waiters.delete(waiter)
    this.#rest()
  }

  #schedule (): TimerHandle {
    return this.#clock.after(LOOK_MS, () => {
      const nowMs = this.#clock.nowMs()
      for (const { isOver, untilMs, resolve } of this.#waiters) if (nowMs >= untilMs || isOver()) resolve()
      this.#timer = this.#schedule()
    })
  }

  #rest (): void {
    if (this.#waiters.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Lets all of them go. */
  release (): void {
    this.#released = true
    for (const { resolve } of this.#waiters) resolve()
  }
}

/** What shows that a client has gone away. */
interface ClientTraces {
  readonly response: { readonly destroyed: boolean, readonly once: (event: 'close', listener: () => void) => unknown }
  readonly socket: { readonly destroyed: boolean }
}

/** Aborted when the client goes away; at once when it is gone already, as nothing announces that a second time. */
export function leavingClient ({ response, socket }: ClientTraces): AbortSignal {
  if (response.destroyed || socket.destroyed) return AbortSignal.abort()
  const controller = new AbortController()
  response.once('close', () => { controller.abort() })
  return controller.signal
}

/** The longest that a client may wait, in seconds; below the longest silence on a connection of the API. */
const MAX_WAIT_S = 50

const QuerySchema = Type.object({
  wait: Type.optional(Type.oneOf(['true', 'false'], { default: 'false', description: '`true`: answer when it is safe, or `timeout` is over.' })),
  timeout: Type.optional(Type.string({ pattern: DURATION_PATTERN, default: '30s', description: 'How long `wait=true` waits; at most 50s.' }))
}, { additionalProperties: false })

const AnswerSchema = Type.object({
  route: Type.string(),
  version: Type.string(),
  weight: Type.number({ description: 'The weight of the version, as stored.' }),
  workers: Type.object({
    running: Type.integer({ description: 'The workers of the data plane.' }),
    applied: Type.integer({ description: 'Those that apply the weights of now.' })
  }),
  inFlight: Type.integer({ description: 'Requests that its endpoints have not answered to the end.' }),
  tunnels: Type.integer({ description: 'Upgraded connections to its endpoints.' }),
  held: Type.integer({ description: 'Requests that wait for an endpoint of it. Without a weight it does not get them.' }),
  endpoints: Type.list(Type.object({
    address: Type.string(),
    port: Type.integer(),
    ready: Type.boolean(),
    serving: Type.boolean(),
    terminating: Type.boolean()
  }), { description: 'As its source says.' }),
  safe: Type.boolean({ description: 'No request is lost when its endpoints are taken away now, in any replica.' }),
  why: Type.list(Type.string(), { description: 'What speaks against it; empty when it is safe. Each other replica is named that has an objection, or did not answer.' }),
  cluster: Type.optional(ClusterDrainSchema)
})

const EXAMPLE: Static<typeof AnswerSchema> = {
  route: 'hello',
  version: 'canary',
  weight: 0,
  workers: { running: 2, applied: 2 },
  inFlight: 3,
  tunnels: 1,
  held: 0,
  endpoints: [{ address: '10.0.0.9', port: 8080, ready: true, serving: true, terminating: false }],
  safe: false,
  why: ['3 requests are in flight', '1 tunnel is open']
}

/** GET /v1/routes/{route}/versions/{version}/drain */
export function drainResource (app: FastifyInstance, deps: AdminDeps): void {
  const waiters = new DrainWaiters(deps.clock)
  app.addHook('preClose', async () => { waiters.release() })
  app.get<{ Params: VersionParams, Querystring: Static<typeof QuerySchema> }>('/v1/routes/:route/versions/:version/drain', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getVersionDrain',
      tag: 'Operations',
      summary: 'Is it safe to scale a version down?',
      description: 'What a version still has, in all workers together. It is safe when the version has no weight, every worker knows that, and nothing is in flight to its endpoints.',
      params: VersionParamsSchema,
      querystring: QuerySchema,
      answers: { 200: { description: 'What is left; with `wait=true`, of the moment when it became safe or the time was over.', schema: AnswerSchema, example: EXAMPLE } },
      problems: ['invalid_request', 'unknown_route', 'not_found', 'too_many_waiting']
    })
  }, async (request, reply): Promise<Static<typeof AnswerSchema>> => {
    const { params: { route, version }, query: { wait = 'false', timeout = '30s' } } = request
    const timeoutMs = readWaitTimeout(timeout, MAX_WAIT_S)
    const found = await findDrain(deps, route, version)
    if (wait === 'false' || found.safe) return found
    const client = clientOf(request)
    const refusal = waiters.refusal(client)
    if (refusal !== undefined) throw new ProblemError('too_many_waiting', { detail: `${refusal}: ask without wait=true, or later` })
    const gone = leavingClient({ response: reply.raw, socket: request.socket })
    const untilMs = deps.clock.nowMs() + timeoutMs
    const leftMs = (): number => Math.max(0, untilMs - deps.clock.nowMs())
    let status = found
    do {
      await waiters.wait(client, () => deps.drain(route, version)?.safe !== false, { timeoutMs: leftMs(), gone })
      status = await findDrain(deps, route, version)
      // What other replicas have in hand, nothing announces.
      if (!status.safe) await waiters.wait(client, () => false, { timeoutMs: Math.min(OTHERS_MS, leftMs()), gone })
    } while (!status.safe && leftMs() > 0 && !gone.aborted && !waiters.released)
    return status
  })
}

async function findDrain (deps: AdminDeps, route: string, version: string): Promise<Static<typeof AnswerSchema>> {
  const cluster = await deps.replicas.others?.route(route)
  // After the others have answered: of now.
  const own = describe(statusOf(deps, route, version))
  if (cluster === undefined) return own
  const { why } = cluster.versions.find(({ name }) => name === version) ?? { why: [] }
  // What has begun here while the others were asked counts too.
  const all = [...own.why, ...why.filter(reason => !own.why.includes(reason))]
  return { ...own, safe: all.length === 0, why: all, cluster: describeClusterDrain(cluster, version) }
}

function statusOf (deps: AdminDeps, route: string, version: string): VersionDrainStatus {
  const status = deps.drain(route, version)
  if (status !== undefined) return status
  if (deps.details(route) === undefined) throw unknownRoute()
  throw new ProblemError('not_found', { detail: `the route has no such version; GET /v1/routes/${route} lists them` })
}

function describe (
  { route, version, weight, workers, inFlight, tunnels, held, endpoints, safe, why }: VersionDrainStatus
): Static<typeof AnswerSchema> {
  return {
    route,
    version,
    weight,
    workers: { running: workers.running, applied: workers.applied },
    inFlight,
    tunnels,
    held,
    endpoints: endpoints.map(({ address, port, ready, serving, terminating }) => ({ address, port, ready, serving, terminating })),
    safe,
    why: [...why]
  }
}
