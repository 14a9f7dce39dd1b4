import { Ajv } from 'ajv'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'

/**
 * Compiles schemas for requests. A body is taken as it is: unknown keys are errors and nothing is converted. Parameters
 * and query strings are text, so there, and only there, text becomes the number or the list that the schema asks for.
 */
export function createValidatorCompiler (): FastifySchemaCompiler<FastifySchema> {
  // The schemas are ours and the tests check them, so the schema of schemas is not loaded.
  const common = { strict: true, meta: false, validateSchema: false, allErrors: true, removeAdditional: false, useDefaults: true } as const
  const exact = new Ajv({ ...common, coerceTypes: false })
  const textual = new Ajv({ ...common, strictTypes: false, coerceTypes: 'array' })
  return ({ schema, httpPart }) => (httpPart === 'body' ? exact : textual).compile(schema)
}
