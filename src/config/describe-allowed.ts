import { PATTERN_TEXTS } from './patterns.ts'
import type { SchemaNode } from './schema-node.ts'

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
    default: return 'a mapping of options'
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
