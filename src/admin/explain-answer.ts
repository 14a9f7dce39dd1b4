import { type Static, Type } from './json-schema.ts'

export const ExplainAnswerSchema = Type.object({
  route: Type.string({ description: 'The route that was asked about.' }),
  matches: Type.boolean({ description: 'Would the route take such a request?' }),
  matchedRoute: Type.textOrNull('The route that would take it, which may be another one; null if none would.'),
  stickyKey: Type.object({
    kind: Type.oneOf(['client-ip', 'header', 'cookie', 'none'], { description: '`none`: every request is drawn at random.' }),
    value: Type.textOrNull('What the client is recognised by; null with `none`.')
  }, { description: 'What the client is recognised by.' }),
  chosen: Type.textOrNull('The version that the split gives to this client; null when it is drawn at random.'),
  version: Type.textOrNull('The version that would serve now: not the chosen one if that has no endpoint. Null if nobody would.'),
  endpoint: Type.textOrNull('The endpoint, where it is certain: with endpoint affinity, or when there is only one.'),
  why: Type.list(Type.string(), { description: 'The decision, step by step.' })
}, { description: 'What would happen to a request, and why.' })

/** What would happen to a request, and why. */
export type ExplainAnswer = Static<typeof ExplainAnswerSchema>
