import { MIN_WEIGHT } from '../../src/contract/route-spec.ts'
import type { Generator } from './generator.ts'
import { writtenSchema } from './written-schema.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** The key is there when `by` names it, and only then. */
function namedBy (key: string): JsonObject {
  return {
    if: { properties: { by: { const: key } }, required: ['by'] },
    then: { properties: { [key]: {} }, required: [key] },
    else: { properties: { [key]: false } }
  }
}

const NOT_ZERO = { not: { pattern: '^0+(ms|s|m|h)$' } }

/**
 * What the rules of the program refuse (src/config/rules.ts), as far as JSON Schema can say it: by the option, where `[]` is an entry of a
 * list and `*` each member of a mapping. The program has better words for it, so its own check leaves it to the rules; an editor has
 * nothing but the schema.
 */
const RULES: Readonly<Record<string, JsonObject>> = {
  'routes.[].versions.[].weight': { not: { exclusiveMinimum: 0, exclusiveMaximum: MIN_WEIGHT } },
  'routes.[].match': { not: { properties: { path: {}, exact: {} }, required: ['path', 'exact'] } },
  'routes.[].match.methods.[]': { not: { const: 'CONNECT' } },
  'routes.[].affinity': { allOf: [namedBy('header'), namedBy('cookie')] },
  'routes.[].timeouts.*': NOT_ZERO,
  'routes.[].hold.maxAge': NOT_ZERO,
  'routes.[].health.passive.interval': NOT_ZERO,
  'routes.[].health.passive.baseEjection': NOT_ZERO,
  'routes.[].health.passive.maxEjection': NOT_ZERO,
  'routes.[].health.active.interval': NOT_ZERO,
  'routes.[].health.active.timeout': NOT_ZERO,
  'timeouts.*': NOT_ZERO
}

/** The schema with more said of the options at a path. @throws Error when the schema has no such option */
function withRule (node: unknown, [key, ...rest]: readonly string[], rule: JsonObject): unknown {
  if (key === undefined) return { ...node as JsonObject, ...rule }
  const { items, properties } = node as { readonly items?: unknown, readonly properties?: JsonObject }
  if (key === '[]' && items !== undefined) return { ...node as JsonObject, items: withRule(items, rest, rule) }
  const changed = Object.entries(properties ?? {}).filter(([name]) => key === '*' || key === name)
  if (changed.length === 0) throw new Error(`the schema has no option at ${key}: mend the rules in ${import.meta.url}`)
  return {
    ...node as JsonObject,
    properties: { ...properties, ...Object.fromEntries(changed.map(([name, child]) => [name, withRule(child, rest, rule)])) }
  }
}

function publishedSchema (): unknown {
  return Object.entries(RULES).reduce<unknown>((schema, [path, rule]) => withRule(schema, path.split('.'), rule), writtenSchema())
}

/** The JSON Schema of the configuration: for editors, and where the running program looks up what an option may be. */
export const configSchema: Generator = {
  path: 'config/weir.schema.json',
  content: () => `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...publishedSchema() as JsonObject }, null, 2)}\n`
}
