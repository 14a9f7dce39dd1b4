/**
 * config/weir.schema.json as an editor uses it: a plain validator, that fills in nothing.
 */
import t from 'tap'
import { glob, readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import { isMap, parseDocument } from 'yaml'
import { readConfigSchema, type SchemaNode } from '../../../src/config/options.ts'

const ROOT = new URL('../../../', import.meta.url)
const SHIPPED = ['config/**/*.yaml', 'deploy/**/weir.yaml', 'test/fixtures/config/valid-*.yaml', '*.md', 'docs/**/*.md', 'deploy/*.md']

const schema = readConfigSchema()
const validate = new Ajv({ allErrors: true, strict: true }).compile(schema)

function faultsOf (text: string): readonly string[] {
  validate(parseDocument(text).toJS())
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`)
}

/** The configurations in a file: all of it, or the blocks of a page that are whole ones. */
function configurationsIn (file: string, text: string): readonly string[] {
  if (!file.endsWith('.md')) return [text]
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(match => match[1] ?? '')
  return blocks.filter(block => {
    const { contents } = parseDocument(block)
    return isMap(contents) && contents.has('listeners') && contents.has('routes') && !block.includes('prot:')
  })
}

for await (const file of glob(SHIPPED, { cwd: ROOT.pathname })) {
  for (const configuration of configurationsIn(file, await readFile(new URL(file, ROOT), 'utf8'))) {
    t.test(`an editor finds nothing wrong with a configuration of ${file}`, async t => {
      t.same(faultsOf(configuration), [])
    })
  }
}

t.test('an option with a default is never required', async t => {
  const walk = (node: SchemaNode, path: string): void => {
    for (const key of node.required ?? []) t.equal(node.properties?.[key]?.default, undefined, `${path}.${key}`)
    for (const [key, child] of Object.entries(node.properties ?? {})) walk(child, `${path}.${key}`)
    if (node.items !== undefined) walk(node.items, `${path}[]`)
    for (const choice of node.anyOf ?? []) walk(choice, `${path}?`)
  }
  walk(schema, '')
  t.same(schema.required, ['listeners', 'routes'])
})

t.test('what the program refuses is wrong in an editor too', async t => {
  const wrong = [
    'routes: []',
    'listeners: [{ name: web }]\nroutes: []',
    'listeners: [{ name: web, port: 8080, prot: 1 }]\nroutes: []',
    'listeners: [{ name: web, port: "8080" }]\nroutes: []',
    'listeners: [{ name: web, port: 8080 }]\nroutes: [{ name: r }]',
    'listeners: [{ name: web, port: 8080, tls: { certificates: [{ cert: c }] } }]\nroutes: []'
  ]
  for (const text of wrong) t.not(faultsOf(text).length, 0, text)
})
