/** GET /v1/events: what happens, as it happens. */
import type { FastifyInstance } from 'fastify'
import type { TimerHandle } from '../../core/clock.ts'
import { type Static, Type } from '../../core/json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { EventStream } from '../event-stream.ts'
import { clientOf } from '../guard-access.ts'
import { describeOperation, unknownRoute } from '../operation.ts'
import { ProblemError } from '../problem.ts'

/** So often a stream says something, so that nobody between takes it for dead. */
const BEAT_MS = 15_000
const MAX_STREAMS = 64
/** For one name and address. */
const MAX_STREAMS_PER_CLIENT = 8
const MAX_ID_LENGTH = 64

const QuerySchema = Type.object({
  route: Type.optional(Type.string({ description: 'Only what is about this route.' }))
}, { additionalProperties: false })

const HeadersSchema = Type.object({
  'last-event-id': Type.optional(Type.string({ maxLength: MAX_ID_LENGTH, description: 'The id of the event that was seen last: what came after it is sent first.' }))
})

const EXAMPLE = `retry: 2000
id: k3x9q0-1

id: k3x9q0-2
event: weights
data: {"type":"weights","at":"2026-05-04T08:15:30.123Z","route":"hello","epoch":4,"revision":4,"action":"weights","source":"api","actor":"ops","reason":"canary looks good","before":{"stable":90,"canary":10},"after":{"stable":75,"canary":25}}

`

export function eventResource (app: FastifyInstance, { clock, events, traffic }: AdminDeps): void {
  const streams = new Map<EventStream, string>()
  let timer: TimerHandle | undefined
  const beat = (): void => {
    for (const stream of streams.keys()) stream.beat()
    timer = clock.after(BEAT_MS, beat)
  }
  app.addHook('preClose', async () => { for (const stream of streams.keys()) stream.finish() })
  app.get<{ Querystring: Static<typeof QuerySchema>, Headers: Static<typeof HeadersSchema> }>('/v1/events', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'followEvents',
      tag: 'Operations',
      summary: 'What happens, as it happens',
      description: 'Server-sent events: `weights` for each change of a route\'s weights, whoever made it, `rollout` for each change of the phase or step of a rollout, `verdict` when what is thought of its new version is another thing than before, `list` for each change of a list that was asked of this replica, and `gap` where some are missing, because the client was away for too long, comes from another process of Weir, or reads too slowly.',
      querystring: QuerySchema,
      headers: HeadersSchema,
      answers: { 200: { description: 'The events, until the client or Weir goes.', mediaType: 'text/event-stream', schema: Type.string(), example: EXAMPLE } },
      problems: ['invalid_request', 'unknown_route', 'too_many_streams']
    })
  }, async (request, reply) => {
    const { route } = request.query
    if (route !== undefined && traffic.route(route) === undefined) throw unknownRoute()
    const client = clientOf(request)
    const own = [...streams.values()].filter(name => name === client).length
    if (streams.size >= MAX_STREAMS || own >= MAX_STREAMS_PER_CLIENT) {
      throw new ProblemError('too_many_streams', { detail: `at most ${MAX_STREAMS} are followed at a time, ${MAX_STREAMS_PER_CLIENT} by one client` })
    }
    const stream = new EventStream(events, { route, lastId: request.headers['last-event-id'] })
    streams.set(stream, client)
    timer ??= clock.after(BEAT_MS, beat)
    stream.once('close', () => {
      streams.delete(stream)
      if (streams.size > 0) return
      timer?.cancel()
      timer = undefined
    })
    return await reply.type('text/event-stream; charset=utf-8').send(stream)
  })
}
