import { ConfigSchema } from '../../src/config/schema.ts'

/**
 * The schema of what people write. TypeBox declares what the program gets: there an option with a default is always
 * present, so it is required. In a file it may be left out, and an editor must not ask for it.
 */
export function writtenSchema (): object {
  return JSON.parse(JSON.stringify(ConfigSchema, leaveOptional)) as object
}

/** The `required` of an object of options, without those that have a default. */
function leaveOptional (this: unknown, key: string, value: unknown): unknown {
  const { properties } = this as { readonly properties?: Readonly<Record<string, { readonly default?: unknown }>> }
  if (key !== 'required' || !Array.isArray(value) || properties === undefined) return value
  const written = value.filter((name: string) => properties[name]?.default === undefined)
  return written.length === 0 ? undefined : written
}
