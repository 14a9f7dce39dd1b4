import { createRequire } from 'node:module'
import type * as AjvModule from 'ajv'
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import { readParameters } from './read-parameters.ts'

/**
 * Compiles schemas for requests. A body is taken as it is: unknown keys are errors and nothing is converted. Parameters
 * and query strings are text, so there, and only there, text becomes the number or the list that the schema asks for
 * (read-parameters.ts).
 *
 * A schema is compiled, and ajv loaded, when the first request comes that is checked against it: probes and scrapes are
 * not, so a sidecar that nobody steers does not pay 10 MiB for it. The schemas are ours; a test compiles them all.
 */
export function createValidatorCompiler (): FastifySchemaCompiler<object> {
  let ajv: Ajv | undefined
  return ({ schema, httpPart }) => {
    let compiled: ValidateFunction | undefined
    const validate = (data: unknown): boolean => {
      ajv ??= createAjv()
      compiled ??= ajv.compile(schema)
      if (httpPart !== 'body') readParameters(schema, data)
      const valid = compiled(data)
      // This is where fastify looks for them.
      validate.errors = compiled.errors ?? null
      return valid
    }
    validate.errors = null as ErrorObject[] | null // until the first call
    return validate
  }
}

function createAjv (): Ajv {
  // fastify wants its answer at once, so import() is too late. What require gives is the module that TypeScript knows.
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof AjvModule
  // The schemas are ours and the tests check them, so the schema of schemas is not loaded.
  return new Ajv({
    strict: true,
    meta: false,
    validateSchema: false,
    allErrors: true,
    removeAdditional: false,
    useDefaults: true,
    coerceTypes: false,
    strictTypes: false
  })
}
