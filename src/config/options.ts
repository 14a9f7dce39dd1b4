import type { ConfigPath } from './config-path.ts'
import { describeAllowed } from './describe-allowed.ts'
import { readConfigSchema, type SchemaNode } from './schema-node.ts'

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
