/** GET /v1/webhooks */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from '../../core/json-schema.ts'
import type { WebhookStatus } from '../../webhooks/webhook.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation } from '../operation.ts'

const WebhookSchema = Type.object({
  name: Type.string({ description: 'As in metrics: `webhooks[].name`, or the host of its URL.' }),
  url: Type.string({ description: 'Without its query.' }),
  events: Type.list(Type.string(), { description: 'The types of events that it gets.' }),
  queued: Type.integer({ description: 'Events that wait, the one that is being posted among them.' }),
  delivered: Type.integer({ description: 'Events that it took since this replica began to post to it.' }),
  retried: Type.integer({ description: 'Tries that failed and were followed by another one.' }),
  refused: Type.integer({ description: 'Events that were given up because it does not want them.' }),
  expired: Type.integer({ description: 'Events that were given up because it did not take them in time.' }),
  dropped: Type.integer({ description: 'Events that were given up because too many waited.' }),
  lastSuccess: Type.optional(Type.string({ format: 'date-time' })),
  lastError: Type.optional(Type.object({
    at: Type.string({ format: 'date-time' }),
    reason: Type.string({ description: 'What goes on from the name of the webhook.' })
  }, { description: 'The latest try that failed, also when others have succeeded since.' }))
})

const AnswerSchema = Type.object({ webhooks: Type.list(WebhookSchema, { description: 'In the order of the configuration.' }) })

const EXAMPLE: Static<typeof AnswerSchema> = {
  webhooks: [{
    name: 'chat',
    url: 'https://hooks.example.com/weir',
    events: ['weights', 'verdict'],
    queued: 1,
    delivered: 12,
    retried: 3,
    refused: 0,
    expired: 0,
    dropped: 0,
    lastSuccess: '2026-05-04T08:15:30.123Z',
    lastError: { at: '2026-05-04T09:02:11.904Z', reason: 'answers 503' }
  }]
}

export function webhookListResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/v1/webhooks', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'listWebhooks',
      tag: 'Operations',
      summary: 'How the webhooks are doing',
      description: 'Where this replica posts events to, and what became of them. Each replica counts for itself.',
      answers: { 200: { description: 'The webhooks.', schema: AnswerSchema, example: EXAMPLE } },
      problems: []
    })
  }, async (): Promise<Static<typeof AnswerSchema>> => ({ webhooks: deps.webhooks().map(describe) }))
}

function describe ({ events, lastSuccessMs, lastError, ...status }: WebhookStatus): Static<typeof WebhookSchema> {
  return {
    ...status,
    events: [...events],
    ...(lastSuccessMs === undefined ? {} : { lastSuccess: new Date(lastSuccessMs).toISOString() }),
    ...(lastError === undefined ? {} : { lastError: { at: new Date(lastError.atMs).toISOString(), reason: lastError.reason } })
  }
}
