import { readFileSync } from 'node:fs'

/** The part of JSON Schema that the configuration's schema uses, for code that walks it. */
export interface SchemaNode {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
}

/**
 * The configuration's schema as generated from schema.ts. Reading it costs less than a millisecond; importing TypeBox to
 * build it again would cost 20 MiB.
 */
export function readConfigSchema (): SchemaNode {
  const text = readFileSync(new URL('../../config/weir.schema.json', import.meta.url), 'utf8')
  // Our own generated file: `npm run check` proves that it is what schema.ts declares.
  return JSON.parse(text) as SchemaNode
}
