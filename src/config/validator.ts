import { checkConfig } from './config-check.ts'
import { explainErrors, type SchemaFault } from './explain-errors.ts'
import type { SchemaNode } from './schema-node.ts'

/** Checks a value against the schema and gives all faults; without any, the value is a configuration. Fills in defaults in place. */
export type Validator = (value: unknown) => readonly SchemaFault[]

/** A validator with the code that ajv compiled the schema to. @param schema that same schema, to explain faults with */
export function createValidator (schema: SchemaNode): Validator {
  return value => checkConfig(value) ? [] : explainErrors(checkConfig.errors ?? [], { schema, value })
}
