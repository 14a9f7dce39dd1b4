import type { ErrorObject } from 'ajv'
import { explainErrors, type SchemaFault } from './explain-errors.ts'
import type { LoadForNow } from './load-for-now.ts'
import type { SchemaNode } from './schema-node.ts'

/** Checks a value against the schema and gives all faults; without any, the value is a configuration. Fills in defaults in place. */
export type Validator = (value: unknown) => readonly SchemaFault[]

/** What `npm run generate` makes of the schema: half a megabyte of code, which is needed at the start and at each reload only. */
const CHECK = import.meta.url.endsWith('.ts') ? './config-check.cts' : './config-check.cjs'

interface ConfigCheck {
  /** Is it a configuration? Fills in defaults in place. */
  readonly checkConfig: {
    (value: unknown): boolean
    /** The faults of the latest call. */
    readonly errors?: readonly ErrorObject[] | null
  }
}

/** A validator with the code that ajv compiled the schema to. @param schema that same schema, to explain faults with */
export function createValidator (schema: SchemaNode, loadForNow: LoadForNow): Validator {
  return value => {
    const { checkConfig } = loadForNow(CHECK) as ConfigCheck // the generator writes nothing else
    return checkConfig(value) ? [] : explainErrors(checkConfig.errors ?? [], { schema, value })
  }
}
