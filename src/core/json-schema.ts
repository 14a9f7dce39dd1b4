/**
 * JSON Schema written once, read twice: by the validator and by TypeScript.
 *
 * TypeBox does this better, and the configuration's schema uses it; but it takes 20 MiB of memory when it is loaded, which
 * is a fifth of what a sidecar may have. The configuration reads its schema from a generated file; the admin API is
 * assembled in code, and needs only this much of it.
 */

declare const STATIC: unique symbol
const OPTIONAL = Symbol('optional')

/** A schema for values of the type T. */
export interface JsonSchema<T> {
  readonly [keyword: string]: unknown
  /** Never there: it carries the type. */
  readonly [STATIC]?: T
}

interface OptionalSchema<T> extends JsonSchema<T> {
  readonly [OPTIONAL]: true
}

type Properties = Readonly<Record<string, JsonSchema<unknown>>>
type Keywords = Readonly<Record<string, unknown>>
type OptionalKeys<P> = { [K in keyof P]: P[K] extends OptionalSchema<unknown> ? K : never }[keyof P]
type ObjectOf<P> = { [K in Exclude<keyof P, OptionalKeys<P>>]: Static<P[K]> } & { [K in OptionalKeys<P>]?: Static<P[K]> }

/** The type of the values that fit a schema. */
export type Static<S> = S extends JsonSchema<infer T> ? T : never

/** Makers of schemas. `keywords` are those of JSON Schema: description, default, minimum, pattern and so on. */
export const Type = {
  string: (keywords: Keywords = {}): JsonSchema<string> => ({ type: 'string', ...keywords }),
  integer: (keywords: Keywords = {}): JsonSchema<number> => ({ type: 'integer', ...keywords }),
  number: (keywords: Keywords = {}): JsonSchema<number> => ({ type: 'number', ...keywords }),
  boolean: (keywords: Keywords = {}): JsonSchema<boolean> => ({ type: 'boolean', ...keywords }),
  /** One of a list of words. */
  oneOf: <const V extends string>(values: readonly V[], keywords: Keywords = {}): JsonSchema<V> => ({
    type: 'string', enum: values, ...keywords
  }),
  textOrNull: (description: string): JsonSchema<string | null> => ({ type: ['string', 'null'], description }),
  numberOrNull: (description: string): JsonSchema<number | null> => ({ type: ['number', 'null'], description }),
  list: <T>(items: JsonSchema<T>, keywords: Keywords = {}): JsonSchema<T[]> => ({ type: 'array', items, ...keywords }),
  /** An object with any keys. */
  mapOf: <T>(values: JsonSchema<T>, keywords: Keywords = {}): JsonSchema<Record<string, T>> => ({
    type: 'object', additionalProperties: values, ...keywords
  }),
  optional: <T>(schema: JsonSchema<T>): OptionalSchema<T> => ({ ...schema, [OPTIONAL]: true }),
  /** An object whose properties have to be there, but for the optional ones. */
  object: <P extends Properties>(properties: P, keywords: Keywords = {}): JsonSchema<ObjectOf<P>> => {
    const required = Object.keys(properties).filter(name => !Object.hasOwn(properties[name] ?? {}, OPTIONAL))
    return { type: 'object', ...(required.length === 0 ? {} : { required }), properties, ...keywords }
  }
}
