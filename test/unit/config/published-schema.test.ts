/**
 * config/weir.schema.json as an editor uses it: a plain validator, that fills in nothing.
 */
import t from 'tap'
import { glob, readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import { isMap, parseDocument } from 'yaml'
import { readConfigSchema, type SchemaNode } from '../../../src/config/options.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'

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

const resolve = createConfigResolver()

async function load (text: string): Promise<unknown> {
  return await resolve({ bytes: Buffer.from(text), fileName: 'weir.yaml', env: {}, args: [] })
}

/** A route whose version and other options are these. */
function withRoute (version: string, options = ''): string {
  return `listeners: [{ name: web, port: 8080 }]\nroutes: [{ name: r, ${options} versions: [{ name: v, endpoints: { static: [] }, ${version} }] }]`
}

const RULES: ReadonlyArray<readonly [string, readonly string[], readonly string[]]> = [
  ['a weight is 0 or one that the draw can use', ['weight: 0', 'weight: 0.000001', 'weight: 3'].map(weight => withRoute(weight)),
    ['weight: 1e-9', 'weight: 0.0000009', 'weight: -1'].map(weight => withRoute(weight))],
  ['a match has a prefix or an exact path',
    ['match: { path: /a },', 'match: { exact: /a },', 'match: {},'].map(match => withRoute('weight: 1', match)),
    [withRoute('weight: 1', 'match: { path: /a, exact: /a },')]],
  ['CONNECT can never match',
    [withRoute('weight: 1', 'match: { methods: [GET] },')], [withRoute('weight: 1', 'match: { methods: [GET, CONNECT] },')]],
  ['a field or cookie is named where clients are recognised by it, and nowhere else',
    ['by: header, header: X-User', 'by: cookie, cookie: sid', 'by: none', 'level: endpoint'].map(affinity => withRoute('weight: 1', `affinity: { ${affinity} },`)),
    ['by: header', 'by: cookie', 'header: X-User', 'by: none, cookie: sid', 'by: header, header: X-User, cookie: sid', 'by: cookie, header: X-User']
      .map(affinity => withRoute('weight: 1', `affinity: { ${affinity} },`))],
  ['every wait has some time',
    [withRoute('weight: 1', 'timeouts: { streamIdle: 1ms }, slowStart: { window: 0s }, retries: { perTryTimeout: 0s },')],
    ['timeouts: { streamIdle: 0s },', 'hold: { maxAge: 0ms },', 'health: { passive: { interval: 0m } },', 'health: { active: { path: /, timeout: 00s } },']
      .map(options => withRoute('weight: 1', options))]
]

for (const [what, right, wrong] of RULES) {
  t.test(`an editor knows that ${what}`, async t => {
    for (const text of right) t.same(faultsOf(text), [], text)
    for (const text of wrong) t.not(faultsOf(text).length, 0, text)
    // The program says so too, in its own words.
    for (const text of wrong) await t.rejects(load(text), text)
    for (const text of right) await t.resolves(load(text), text)
  })
}
