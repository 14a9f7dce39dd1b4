import type { SchemaFault } from './explain-errors.ts'
import { readConfigSchema, type SchemaNode } from './schema-node.ts'

/** Checks a value against the schema and gives all faults; without any, the value is a configuration. Fills in defaults in place. */
export type Validator = (value: unknown) => readonly SchemaFault[]

/** Compiles the schema: some 50 ms, so once is enough. */
export async function createValidator (schema: SchemaNode = readConfigSchema()): Promise<Validator> {
  const [{ Ajv }, { explainErrors }] = await Promise.all([import('ajv'), import('./explain-errors.ts')])
  // `verbose` would put the whole schema into the compiled code, and checking our own schema would compile another one:
  // together 10 MiB. A test compiles the schema with all checks on.
  const ajv = new Ajv({ allErrors: true, strict: true, useDefaults: true, validateSchema: false, meta: false, messages: false, logger: false })
  const validate = ajv.compile(schema)
  return (value) => validate(value) ? [] : explainErrors(validate.errors ?? [], { schema, value })
}
