import type { Generator } from './generator.ts'
import { writtenSchema } from './written-schema.ts'

/** The JSON Schema of the configuration: for editors, and what the running program validates with. */
export const configSchema: Generator = {
  path: 'config/weir.schema.json',
  content: () => `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...writtenSchema() }, null, 2)}\n`
}
