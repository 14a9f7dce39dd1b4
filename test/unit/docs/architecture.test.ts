import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { FOLDER_ORDER } from '../../architecture/source-rules.ts'
import { codeSpans, readPage, ROOT, tableRows } from './page.ts'

const page = readPage('docs/architecture.md')
const SRC = path.join(ROOT, 'src')

/** The source files of a folder of src; none when it does not exist. */
function sourcesIn (folder: string): string[] {
  const where = path.join(SRC, folder)
  return existsSync(where) ? readdirSync(where, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')) : []
}

t.test('the table of folders is src, in the order that the imports keep', async t => {
  const rows = tableRows(page, 'folder').map(([folder = '', what = '']) => ({ folder: folder.replaceAll('`', ''), built: what !== 'not built yet' }))
  t.same(rows.map(({ folder }) => folder), FOLDER_ORDER)
  for (const { folder, built } of rows) t.equal(sourcesIn(folder).length > 0, built, folder)
  const known: readonly string[] = FOLDER_ORDER
  const present = readdirSync(SRC, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name)
  t.same(present.filter(name => !known.includes(name)), [], 'src has no other folder')
})

t.test('the tables of messages have every message', async t => {
  const messages = readFileSync(path.join(SRC, 'contract/messages.ts'), 'utf8')
  const interfaces = new Map([...messages.matchAll(/interface (\w+Message) \{[^}]*?readonly type: '([a-z-]+)'/g)].map(match => [
    match[1] ?? '',
    match[2] ?? ''
  ]))
  const membersOf = (union: string): string[] => {
    const [members = ''] = (messages.split(`export type ${union} = `)[1] ?? '').split('\n\n')
    return members.trim()
      .split(/ \|\s+/)
      .flatMap(name => new RegExp(`^export type ${name} =`, 'm').test(messages) ? membersOf(name) : interfaces.get(name) ?? name)
      .sort()
  }
  const documented = (heading: string): string[] => tableRows(page, heading).flatMap(([names = '']) => names.replaceAll('`', '').split(', ')).sort()
  t.same(documented('to a worker'), membersOf('ControlMessage'))
  t.same(documented('from a worker'), membersOf('WorkerMessage'))
})

t.test('handles of sockets are used in the files only that the page names', async t => {
  const users = sourcesIn('.').filter(name => /'_handle'|\._handle\b/.test(readFileSync(path.join(SRC, name), 'utf8')))
  const named = ['tcp-stream.ts', 'tls-handle.ts']
  t.same(users.sort(), named.map(name => path.join('net', name)))
  for (const name of named) t.ok(codeSpans(page).includes(`src/net/${name}`), name)
})

t.test('the packages that it says the running program does without are not imported by it', async t => {
  const sources = sourcesIn('.').map(name => readFileSync(path.join(SRC, name), 'utf8'))
  for (const name of ['@fastify/swagger']) {
    t.ok(page.includes(`\`${name}\``), name)
    t.notOk(sources.some(text => text.includes(`from '${name}'`)), name)
  }
})
