import { createRequire } from 'node:module'
import type * as AjvModule from 'ajv'
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'

/** How requests are checked. */
interface Checkers {
  /** For bodies. */
  readonly exact: Ajv
  /** For parameters, query strings and headers. */
  readonly textual: Ajv
}

/**
 * Compiles schemas for requests. A body is taken as it is: unknown keys are errors and nothing is converted. Parameters
 * and query strings are text, so there, and only there, text becomes the number or the list that the schema asks for.
 *
 * A schema is compiled, and ajv loaded, when the first request comes that is checked against it: probes and scrapes are
 * not, so a sidecar that nobody steers does not pay 10 MiB for it. The schemas are ours; a test compiles them all.
 */
export function createValidatorCompiler (): FastifySchemaCompiler<object> {
  let checkers: Checkers | undefined
  return ({ schema, httpPart }) => {
    let compiled: ValidateFunction | undefined
    const validate = (data: unknown): boolean => {
      checkers ??= createCheckers()
      compiled ??= (httpPart === 'body' ? checkers.exact : checkers.textual).compile(schema)
      const valid = compiled(data)
      // This is where fastify looks for them.
      validate.errors = compiled.errors ?? null
      return valid
    }
    validate.errors = null as ErrorObject[] | null // until the first call
    return validate
  }
}

function createCheckers (): Checkers {
  // fastify wants its answer at once, so import() is too late. What require gives is the module that TypeScript knows.
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof AjvModule
  // The schemas are ours and the tests check them, so the schema of schemas is not loaded.
  const common = { strict: true, meta: false, validateSchema: false, allErrors: true, removeAdditional: false, useDefaults: true } as const
  return {
    exact: new Ajv({ ...common, coerceTypes: false }),
    textual: new Ajv({ ...common, strictTypes: false, coerceTypes: 'array' })
  }
}
