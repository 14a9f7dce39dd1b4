import { Type } from '../core/json-schema.ts'
import { NAME_PATTERN } from '../config/patterns.ts'
import { MAX_WEIGHT } from '../core/weight-bounds.ts'

/** Weights by version name. */
export const WeightsSchema = Type.mapOf(Type.number({ minimum: 0, maximum: MAX_WEIGHT }), {
  description: 'A weight for every version of the route. Only the proportions count.',
  propertyNames: { type: 'string', pattern: NAME_PATTERN },
  minProperties: 1,
  maxProperties: 64
})
