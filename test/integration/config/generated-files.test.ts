import t from 'tap'
import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import { configCheck } from '../../../scripts/generators/config-check.ts'
import { configSchema } from '../../../scripts/generators/config-schema.ts'
import { configurationDoc } from '../../../scripts/generators/configuration-doc.ts'
import { errorsDoc } from '../../../scripts/generators/errors-doc.ts'
import { DURATION_PATTERN } from '../../../src/core/duration.ts'
import { PROXY_ERROR_CODES } from '../../../src/core/proxy-error.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import { formatPath } from '../../../src/config/finding.ts'
import { listConfigOptions, readConfigSchema, type SchemaNode } from '../../../src/config/options.ts'
import { PATTERN_TEXTS } from '../../../src/config/patterns.ts'
import { createConfigResolver, createLoadForNow } from '../../../src/config/resolve.ts'
import { RESTART_ONLY } from '../../../src/control/config-reloads.ts'

const ROOT = new URL('../../../', import.meta.url)

for (const generator of [configSchema, configCheck, configurationDoc, errorsDoc]) {
  t.test(`${generator.path} is what npm run generate writes`, async t => {
    t.ok(await generator.content() === await readFile(new URL(generator.path, ROOT), 'utf8'), 'is fresh')
  })
}

t.test('the generated check says of a configuration what ajv says of the whole schema', async t => {
  const ajv = new Ajv({ allErrors: true, strict: true, useDefaults: true, messages: false }).compile(readConfigSchema())
  // The generator writes nothing else.
  const { checkConfig } = createLoadForNow()('./config-check.cts') as { readonly checkConfig: typeof ajv }
  const filters = { requestHeaders: { set: [] } }
  const version = { name: 'v', weight: 1, endpoints: { service: 5, port: '' }, match: [{ headers: 1 }], filters }
  const more = { rollout: { steps: [{ analyse: { for: 1 } }, 'on'] }, retries: [], health: { passive: 0 } }
  const faulty = {
    listeners: [{ name: 'A', port: 0, tls: { certificates: [{ cert: '' }], minVersion: '1' } }],
    admin: { tokens: 'none', bogus: 1 },
    routes: [{ name: 'r', match: { hosts: [] }, versions: [version, null], ...more }, 7]
  }
  for (const value of [faulty, {}, [], null, { listeners: [], routes: {} }]) {
    const [given, expected] = [structuredClone(value), structuredClone(value)]
    t.equal(checkConfig(given), ajv(expected))
    t.same(checkConfig.errors, ajv.errors)
    t.same(given, expected, 'the same defaults')
  }
})

t.test('the generated check has a function for each section, and a start compiles those that its configuration needs', async t => {
  const sizes = String(await configCheck.content()).split(/(?=function validate\d+\()/).slice(1).map(({ length }) => length)
  t.ok(sizes.length > 50, `${sizes.length} functions`)
  t.ok(Math.max(...sizes) < 25_000, `the longest has ${Math.max(...sizes)} characters`)
})

t.test('the schema is valid, and strict about what it says', async t => {
  t.doesNotThrow(() => new Ajv({ strict: true, validateSchema: true }).compile(readConfigSchema()))
})

t.test('every mapping refuses unknown keys, every option has a description, every pattern its words', async t => {
  const walk = (schema: SchemaNode, path: string): void => {
    if (schema.properties !== undefined) t.match(schema, { additionalProperties: false }, `${path} is strict`)
    if (schema.pattern !== undefined) t.ok(PATTERN_TEXTS.has(schema.pattern), `${path} has words for ${schema.pattern}`)
    if (schema.type === 'array') t.type(schema.maxItems, 'number', `${path} has a limit`)
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      t.match(child.description, /\S/, `${path}.${key} has a description`)
      walk(child, `${path}.${key}`)
    }
    if (schema.items !== undefined) walk(schema.items, `${path}[]`)
    for (const choice of schema.anyOf ?? []) walk(choice, `${path}?`)
  }
  walk(readConfigSchema(), '')
  t.ok(PATTERN_TEXTS.has(DURATION_PATTERN))
})

t.test('what needs a restart says so in its description, and nothing else does', async t => {
  const { properties = {} } = readConfigSchema()
  const listed = new Set(RESTART_ONLY.map(path => String(path[0])))
  for (const [key, { description }] of Object.entries(properties)) {
    t.equal(listed.has(key), /needs a restart/.test(description ?? ''), key)
  }
  const page = await readFile(new URL('docs/configuration.md', ROOT), 'utf8')
  for (const path of RESTART_ONLY) t.ok(page.includes(`\`${formatPath(path)}\``), `docs/configuration.md names ${formatPath(path)}`)
})

t.test('the pages name every option and every error', async t => {
  const configuration = await readFile(new URL('docs/configuration.md', ROOT), 'utf8')
  for (const { env, flag } of listConfigOptions()) t.ok(configuration.includes(`\`${env}\``) && configuration.includes(`\`${flag}\``), env)
  const errors = await readFile(new URL('docs/errors.md', ROOT), 'utf8')
  for (const code of PROXY_ERROR_CODES) t.ok(errors.includes(`### ${code}\n`), code)
})

t.test('the faults in docs/configuration.md are what its faulty file gives', async t => {
  const page = await readFile(new URL('docs/configuration.md', ROOT), 'utf8')
  const block = (name: string): string => page.split(`<!-- example: ${name} -->\n`)[1]?.split('```')[1]?.replace(/^.*\n/, '').trimEnd() ?? ''
  const resolve = createConfigResolver()
  const error: unknown = await resolve({ bytes: Buffer.from(block('faulty file')), fileName: 'weir.yaml', env: { WEIR_LOG_LEVEL: 'debgu' }, args: [] }).catch((error: unknown) => error)
  t.ok(error instanceof ConfigError)
  t.equal(error instanceof ConfigError ? error.message : '', block('its faults'))
})

t.test('the smallest configuration in docs/configuration.md is one', async t => {
  const page = await readFile(new URL('docs/configuration.md', ROOT), 'utf8')
  const smallest = page.split('```yaml\n')[1]?.split('```')[0] ?? ''
  const { config, warnings } = await createConfigResolver()({ bytes: Buffer.from(smallest), fileName: 'f', env: {}, args: [] })
  t.equal(config.routes.length, 1)
  t.same(warnings, [])
})
