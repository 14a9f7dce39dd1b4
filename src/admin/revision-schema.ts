import { Type } from '../core/json-schema.ts'
import { WeightsSchema } from './weights-schema.ts'

const WeightsThen = Type.mapOf(Type.number())

/** One entry of a route's history. */
export const RevisionSchema = Type.object({
  revision: Type.integer({ description: 'Counts the changes of the route from 1.' }),
  epoch: Type.integer({ description: 'The epoch that the change brought.' }),
  actor: Type.string({ description: 'The name of the token; `local` when the API is open; `config` for the configuration.' }),
  reason: Type.string({ description: 'As given with the change; may be empty.' }),
  source: Type.oneOf(['api', 'config', 'step', 'verdict']),
  action: Type.oneOf(['weights', 'switch', 'undo', 'config']),
  before: { ...WeightsThen, description: 'Empty in the revision that first saw the route.' },
  after: WeightsSchema,
  at: Type.string({ description: 'ISO 8601, UTC.' })
}, { description: 'One entry of the history.' })
