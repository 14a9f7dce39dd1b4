import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { ConfigSchema } from '../../../src/config/schema.ts'
import { PROXY_ERROR_CODES, proxyErrorRow } from '../../../src/core/proxy-error.ts'
import { codeSpans, readPage, ROOT, tableRows } from './page.ts'

const page = readPage('docs/life-of-a-request.md')
const unquoted = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '')

t.test('every error code is on the page, with its own status', async t => {
  for (const code of PROXY_ERROR_CODES) t.ok(new RegExp(`\\b${code}\\b`).test(page), code)
  let statuses = 0
  for (const [, status, name = ''] of page.matchAll(/\b([1-5]\d\d) `?([a-z]+(?:_[a-z]+)*)\b/g)) {
    const code = PROXY_ERROR_CODES.find(known => known === name)
    if (code === undefined && !name.includes('_')) continue // a word of a sentence
    t.ok(code, `${name} is in the table of errors`)
    if (code === undefined) continue
    statuses++
    t.equal(Number(status), proxyErrorRow(code).status, `${status} ${name}`)
  }
  t.ok(statuses >= 20, `${statuses} statuses were compared`)
})

t.test('no code is made up', async t => {
  const known = new Set<string>(PROXY_ERROR_CODES)
  const codes = codeSpans(page).filter(code => /^[a-z]+(_[a-z]+)+$/.test(code) && !code.startsWith('weir_'))
  t.not(codes.length, 0)
  t.same(codes.filter(code => !known.has(code)), [])
})

t.test('what the page says is repeated is what the table allows', async t => {
  const rows = tableRows(page, 'failure')
  const codesOf = (cell: string | undefined): string[] => [...(cell ?? '').matchAll(/`([a-z_]+)`/g)].map(match => match[1] ?? '').sort()
  const allowed = (rule: string): string[] => PROXY_ERROR_CODES.filter(code => proxyErrorRow(code).retry === rule).sort()
  t.same(codesOf(rows[0]?.[0]), allowed('unsent'))
  t.same(codesOf(rows[1]?.[0]), allowed('idempotent'))
})

t.test('the table of timeouts has every timeout, with its default', async t => {
  const { config } = await loadConfig({ file: path.join(ROOT, 'config/weir.yaml'), env: {}, args: [] })
  const documented = Object.fromEntries(tableRows(page, 'option').map(([option, standard]) => [unquoted(option), standard]))
  t.same(documented, Object.fromEntries((['timeouts', 'drain'] as const).flatMap(group =>
    Object.entries(config[group]).map(([name, standard]) => [`${group}.${name}`, standard]))))
})

t.test('the bounds that are no options are those of the code', async t => {
  const rows = tableRows(page, 'constant')
  t.ok(rows.length >= 8)
  for (const [constant, value, file] of rows) {
    const name = unquoted(constant)
    const source = readFileSync(path.join(ROOT, unquoted(file)), 'utf8')
    const declared = new RegExp(`^(?:export )?const ${name} = ([\\d_]+)$`, 'm').exec(source)?.[1]?.replaceAll('_', '')
    t.equal(declared, value, name)
  }
})

t.test('the limits that it names are options', async t => {
  const options = ConfigSchema.properties.limits.properties
  const names = [...page.matchAll(/\blimits\.([a-zA-Z]+)/g)].map(match => match[1] ?? '')
  t.not(names.length, 0)
  for (const name of names) t.ok(name in options, `limits.${name}`)
})
