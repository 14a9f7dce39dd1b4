import { ConfigSchema } from '../../src/config/schema.ts'
import type { Generator } from './generator.ts'

/** The JSON Schema of the configuration: for editors, and what the running program validates with. */
export const configSchema: Generator = {
  path: 'config/weir.schema.json',
  content: () => `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...ConfigSchema }, null, 2)}\n`
}
