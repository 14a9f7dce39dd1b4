import { readFile } from 'node:fs/promises'
import { describeAllowed, listConfigOptions, type SchemaNode } from '../../src/config/options.ts'
import { ConfigSchema } from '../../src/config/schema.ts'
import type { Generator } from './generator.ts'
import { tableRow, withMarkedSection } from './marked-section.ts'

const PAGE = new URL('../../docs/configuration.md', import.meta.url)

/** A table of options: a mapping of the schema. */
interface Section {
  readonly title: string
  readonly description: string
  readonly schema: SchemaNode
}

/** The option reference inside docs/configuration.md. */
export const configurationDoc: Generator = {
  path: 'docs/configuration.md',
  content: async () => {
    // TypeBox's type does not say that it is JSON Schema; its data is.
    const schema = JSON.parse(JSON.stringify(ConfigSchema)) as SchemaNode
    const page = withMarkedSection(await readFile(PAGE, 'utf8'), 'options', sectionsOf(schema, '').map(renderSection).join('\n\n'))
    return withMarkedSection(page, 'names', renderNames(schema))
  }
}

function sectionsOf (schema: SchemaNode, title: string): readonly Section[] {
  const own = { title, description: schema.description ?? '', schema }
  const titleOf = (key: string): string => title === '' ? key : `${title}.${key}`
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, child]) => nestedSections(child, titleOf(key)))
  return [own, ...inner]
}

function nestedSections (schema: SchemaNode, title: string): readonly Section[] {
  if (schema.properties !== undefined) return sectionsOf(schema, title)
  if (schema.items?.properties !== undefined) return sectionsOf(schema.items, `${title}[]`)
  if (schema.anyOf?.some(choice => choice.properties !== undefined) !== true) return []
  const [first, ...others] = schema.anyOf
  const intro = `${schema.description ?? ''} ${sentence(`It is ${describeAllowed(schema)}`)}`
  return [first, ...others].flatMap((choice, index) => choice === undefined
    ? []
    : [{ title: `${title} with \`${choice.required?.[0] ?? ''}\``, description: index === 0 ? intro : '', schema: choice }])
}

function renderSection ({ title, description, schema }: Section): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, option]) => {
    const required = schema.required?.includes(key) === true && option.default === undefined
    return tableRow([`\`${key}\``, describeType(option), required ? '**required**' : renderDefault(option), option.description ?? ''])
  })
  const lines = ['| option | allowed | default | meaning |', '|---|---|---|---|', ...rows]
  return [`### ${title === '' ? 'The file' : title}`, ...description === '' ? [] : [description], lines.join('\n')].join('\n\n')
}

function describeType (schema: SchemaNode): string {
  if (schema.type !== 'array') return schema.properties === undefined ? describeAllowed(schema) : 'a mapping, see below'
  const { minItems, maxItems, items } = schema
  const count = maxItems === undefined ? '' : ` of ${minItems ?? 0} to ${maxItems}`
  if (items?.properties !== undefined) return `a list${count} mappings, see below`
  const each = items === undefined ? '' : items.description ?? sentence(`Each is ${describeAllowed(items)}`)
  return `a list${count}. ${each}`.trimEnd()
}

function sentence (text: string): string {
  return text.endsWith('.') ? text : `${text}.`
}

function renderDefault ({ default: value, properties }: SchemaNode): string {
  if (value === undefined || properties !== undefined) return ''
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function renderNames (schema: SchemaNode): string {
  const rows = listConfigOptions(schema).map(option => tableRow([`\`${option.name}\``, `\`${option.env}\``, `\`${option.flag}\``]))
  return ['| option | environment | flag |', '|---|---|---|', ...rows].join('\n')
}
