import { createRequire } from 'node:module'
import type * as AjvModule from 'ajv'
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'

/**
 * Compiles schemas for requests. A body is taken as it is: unknown keys are errors and nothing is converted. Parameters
 * and query strings are text, so there, and only there, text becomes the number or the list that the schema asks for
 * (`readParameters`).
 *
 * A schema is compiled, and ajv loaded, when the first request comes that is checked against it: probes and scrapes are
 * not, so a sidecar that nobody steers does not pay 10 MiB for it. The schemas are ours; a test compiles them all.
 */
export function createValidatorCompiler (): FastifySchemaCompiler<object> {
  let ajv: Ajv | undefined
  return ({ schema, httpPart }) => {
    // A stream, whose handler says what is wrong with it.
    if (httpPart === 'body' && 'contentMediaType' in schema) return () => true
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

/**
 * Parameters come as text. A number is a number as people write one: `5`, and not `1e2`, `0x10`, ` 5`, `+5`, `05` or `5.0`, which
 * another reader, such as a proxy that limits it, may take for something else.
 */
const WHOLE_NUMBER = /^(?:0|-?[1-9][0-9]{0,14})$/

/**
 * Turns text into what the schema asks for, in place: whole numbers, and a list where there is one value. Anything else stays
 * as it is, for validation to refuse.
 */
function readParameters (schema: object, data: unknown): void {
  const { properties }: { properties?: unknown } = schema
  if (!isObject(properties) || !isObject(data)) return
  for (const [name, value] of Object.entries(data)) {
    const property = properties[name]
    if (typeof value !== 'string' || !isObject(property)) continue
    if (property['type'] === 'integer' && WHOLE_NUMBER.test(value)) data[name] = Number(value)
    else if (property['type'] === 'array') data[name] = [value]
  }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
