import { readFileSync } from 'node:fs'
import { PATTERN_TEXTS } from './patterns.ts'
import type { ConfigPath } from './finding.ts'

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
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly additionalProperties?: boolean | SchemaNode
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

/** What a value has to be, as the end of "must be …": `a whole number from 1 to 65535`. */
export function describeAllowed (schema: SchemaNode): string {
  if (schema.anyOf !== undefined) return describeUnion(schema.anyOf)
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  switch (schema.type) {
    case 'integer': return `a whole number${describeRange(schema)}`
    case 'number': return `a number${describeRange(schema)}`
    case 'boolean': return '`true` or `false`'
    case 'string': return describeText(schema)
    case 'array': return 'a list'
    default: return typeof schema.additionalProperties === 'object' ? `a mapping of names to ${describeAllowed(schema.additionalProperties)}` : 'a mapping of options'
  }
}

function describeUnion (choices: readonly SchemaNode[]): string {
  if (choices.every(choice => choice.type === 'object')) {
    const keys = choices.map(choice => (choice.required ?? []).map(key => `\`${key}\``).join(' and '))
    return `a mapping with either ${keys.join(', or ')}`
  }
  const texts = choices.map(describeAllowed)
  return texts.length < 2 ? texts.join() : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1) ?? ''}`
}

function describeRange ({ minimum, maximum }: SchemaNode): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  return maximum === undefined ? '' : ` of at most ${maximum}`
}

function describeText ({ pattern, minLength, maxLength }: SchemaNode): string {
  if (pattern !== undefined) return PATTERN_TEXTS.get(pattern) ?? `text that matches ${pattern}`
  if (maxLength !== undefined) return `text of up to ${maxLength} characters`
  return minLength === undefined ? 'text' : 'text that is not empty'
}

/**
 * Where the schema has options, by their names. It is looked through once, when the first is asked for: a file may have thousands in wrong
 * places.
 */
export class OptionPlaces {
  readonly #schema: SchemaNode
  #byName: Map<string, Set<string>> | undefined

  constructor (schema: SchemaNode) {
    this.#schema = schema
  }

  /** Places as in `routes[].timeouts`; each once, in the order of the schema. */
  of (name: string): readonly string[] {
    if (this.#byName === undefined) {
      this.#byName = new Map()
      addPlaces(this.#byName, this.#schema, '')
    }
    return [...this.#byName.get(name) ?? []]
  }
}

function addPlaces (byName: Map<string, Set<string>>, schema: SchemaNode, path: string): void {
  const { properties = {}, items, anyOf = [], additionalProperties } = schema
  const within = (key: string): string => path === '' ? key : `${path}.${key}`
  for (const key of Object.keys(properties)) {
    const places = byName.get(key) ?? new Set<string>()
    byName.set(key, places.add(within(key)))
  }
  for (const [key, child] of Object.entries(properties)) addPlaces(byName, child, within(key))
  if (items !== undefined) addPlaces(byName, items, `${path}[]`)
  if (typeof additionalProperties === 'object') addPlaces(byName, additionalProperties, `${path}.*`)
  for (const choice of anyOf) addPlaces(byName, choice, path)
}

/** An option that can also be given by an environment variable and a flag. */
export interface ConfigOption {
  readonly path: readonly string[]
  /** As in the file: `admin.port`. */
  readonly name: string
  /** `WEIR_ADMIN_PORT` */
  readonly env: string
  /** `--admin-port` */
  readonly flag: string
  /** What is allowed, in words. */
  readonly type: string
  /** As text; null when there is none. */
  readonly default: string | null
  readonly description: string
  readonly schema: SchemaNode
}

/**
 * Every option that can be given by environment and flag: each single value and each list of single values, outside of
 * lists of mappings (listeners, routes, admin.tokens), whose entries have no name of their own to be called by.
 */
export function listConfigOptions (schema: SchemaNode = readConfigSchema()): readonly ConfigOption[] {
  return collect(schema, [])
}

function collect (schema: SchemaNode, path: readonly string[]): readonly ConfigOption[] {
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([key, child]) => collect(child, [...path, key]))
  }
  return isScalar(schema) || isList(schema) ? [optionOf(schema, path)] : []
}

function optionOf (schema: SchemaNode, path: readonly string[]): ConfigOption {
  const words = path.map(key => key.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()).join('-')
  return {
    path,
    name: path.join('.'),
    env: `WEIR_${words.replaceAll('-', '_').toUpperCase()}`,
    flag: `--${words}`,
    type: isList(schema) ? 'a list, separated by commas' : describeAllowed(schema),
    default: showDefault(schema.default),
    description: schema.description ?? '',
    schema
  }
}

function showDefault (value: unknown): string | null {
  if (value === undefined) return null
  return Array.isArray(value) ? value.join(',') : String(value)
}

function isScalar (schema: SchemaNode): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.every(isScalar)
  return schema.type === 'string' || schema.type === 'number' || schema.type === 'integer' || schema.type === 'boolean'
}

function isList (schema: SchemaNode): boolean {
  return schema.type === 'array' && schema.items !== undefined && isScalar(schema.items)
}

/**
 * Reads the text of an environment variable or flag as the option wants it. Text that does not fit stays text, so that
 * validation reports it like any other wrong value.
 */
export function readOptionText (schema: SchemaNode, text: string): unknown {
  if (schema.type === 'array') {
    const parts = text.split(',').map(part => part.trim()).filter(part => part !== '')
    return parts.map(part => readOptionText(schema.items ?? {}, part))
  }
  if (takes(schema, 'boolean') && (text === 'true' || text === 'false')) return text === 'true'
  const isNumber = /^-?[0-9]{1,20}(\.[0-9]{1,20})?$/.test(text)
  return isNumber && (takes(schema, 'integer') || takes(schema, 'number')) ? Number(text) : text
}

function takes (schema: SchemaNode, type: string): boolean {
  return schema.anyOf === undefined ? schema.type === type : schema.anyOf.some(choice => takes(choice, type))
}

/** Sets the value at an option's path in a copy. What is on the way and is not a mapping stays, for validation to report. */
export function withOption (root: unknown, path: ConfigPath, value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (root !== undefined && (typeof root !== 'object' || root === null || Array.isArray(root))) return root
  const copy: Record<string, unknown> = { ...root }
  copy[key] = withOption(copy[key], rest, value)
  return copy
}
