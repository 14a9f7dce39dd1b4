/**
 * Every file of test/fixtures/config, checked against the comments at its end: `# expect:` lines are the faults of an
 * invalid-*.yaml, `# warns:` lines the warnings of a valid-*.yaml, in order and without the name of the file.
 */
import t from 'tap'
import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { ConfigError, formatFault } from '../../../src/config/config-error.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'

const FIXTURES = new URL('../../fixtures/config/', import.meta.url)
const CONFIGS = new URL('../../../config/', import.meta.url)

const resolve = createConfigResolver()

async function check (url: URL): Promise<{ readonly faults: readonly string[], readonly warnings: readonly string[], readonly text: string }> {
  const bytes = await readFile(url)
  const name = basename(url.pathname)
  const withoutName = (line: string): string => line.replaceAll(`${name}:`, '').trim()
  try {
    const { warnings } = await resolve({ bytes, fileName: name, env: {}, args: [] })
    return { faults: [], warnings: warnings.map(warning => withoutName(formatFault(warning))), text: bytes.toString() }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { faults: error.faults.map(fault => withoutName(formatFault(fault))), warnings: [], text: bytes.toString() }
  }
}

function commentsOf (text: string, mark: string): readonly string[] {
  return text.split('\n').filter(line => line.startsWith(`# ${mark}: `)).map(line => line.slice(mark.length + 4))
}

const names = (await readdir(FIXTURES)).filter(name => name.endsWith('.yaml'))
t.ok(names.length >= 20, 'there are fixtures')

for (const name of names) {
  t.test(name, async t => {
    const { faults, warnings, text } = await check(new URL(name, FIXTURES))
    if (name.startsWith('invalid-')) {
      t.not(faults.length, 0, 'is refused')
      t.same(faults, commentsOf(text, 'expect'))
    } else {
      t.match(name, /^valid-/)
      t.same(faults, [], 'is accepted')
      t.same(warnings, commentsOf(text, 'warns'))
    }
  })
}

for (const name of ['weir.yaml', ...(await readdir(new URL('examples/', CONFIGS))).map(file => `examples/${file}`)]) {
  t.test(`config/${name} is valid, without warnings, and names the schema for editors`, async t => {
    const { faults, warnings, text } = await check(new URL(name, CONFIGS))
    t.same([...faults, ...warnings], [])
    const schema = /^# yaml-language-server: \$schema=(.+)\n/.exec(text)?.[1] ?? ''
    t.equal(new URL(schema, new URL(name, CONFIGS)).pathname, new URL('weir.schema.json', CONFIGS).pathname)
  })
}
