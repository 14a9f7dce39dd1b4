import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { ConfigError } from '../../../src/config/config-error.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { StickyKey, compileStickyKey } from '../../../src/routing/sticky-key.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { Split } from '../../../src/routing/split.ts'
import { ADMIN_PORT, PROXY_PORT } from '../../../deploy/examples/hello/quickstart-ports.ts'
import { blockAfter, readPage, ROOT } from './page.ts'

const readme = readPage('README.md')
const { config } = await loadConfig({ file: path.join(ROOT, 'config/weir.yaml'), env: {}, args: [] })

/** The versions of the tour's hundred clients, in order. */
function clientsAt (weights: readonly number[]): string[] {
  const route = config.routes[0]
  if (route === undefined) throw new TypeError('the quickstart has no route')
  const split = new Split(route.affinity.salt ?? route.name, route.versions.map(({ name }) => name), weights)
  const resolver = compileStickyKey(route.affinity, () => 0)
  const key = new StickyKey()
  return Array.from({ length: 100 }, (_, index) => {
    resolver.resolve(new PlainRequest({ method: 'GET', host: 'any', path: '/', query: '', headers: {} }), `127.0.0.${index + 2}`, key)
    return route.versions[split.choose(key.hash)]?.name ?? ''
  })
}

/** What `sort | uniq -c` prints for numbers of clients. */
function counted (counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([version, count]) => `${String(count).padStart(7)} ${version}\n`).join('')
}

const count = (clients: readonly string[]) => ({
  '1.0.0': clients.filter(name => name === 'stable').length,
  '2.0.0': clients.filter(name => name === 'canary').length
})

t.test('the shares of the tour are what the quickstart gives', async t => {
  const before = clientsAt(config.routes[0]?.versions.map(({ weight }) => weight) ?? [])
  const after = clientsAt([50, 50])
  const moved = after.filter((version, index) => version !== before[index])
  t.ok(blockAfter(readme, '<!-- tour: split 75/25 -->').includes(counted(count(before))), 'before')
  const block = blockAfter(readme, '<!-- tour: split 50/50 -->')
  t.ok(block.includes(counted(count(after))), 'after')
  t.ok(block.endsWith(counted({ '2.0.0': moved.length })), 'moved')
  t.ok(moved.every(name => name === 'canary'))
  t.ok(blockAfter(readme, '<!-- tour: plan 50/50 -->').includes(`: ${moved.length} % of the 100 clients of the last `), 'planned')
  t.ok(readme.includes(`${moved.length} clients moved, all of them to 2.0.0.`))
  t.equal(after[7], 'canary', 'explain: 127.0.0.9')
})

t.test('the faults of the tour are what its configuration gives', async t => {
  const block = blockAfter(readme, '<!-- tour: faults -->')
  const expected = block.slice(block.indexOf('validate wrong.yaml\n') + 'validate wrong.yaml\n'.length).trimEnd()
  const wrong = readFileSync(path.join(ROOT, 'config/weir.yaml'), 'utf8').replace('affinity:', 'afinity:').replace('weight: 75', 'weight: "75"')
  const folder = t.testdir({ 'wrong.yaml': wrong })
  try {
    await loadConfig({ file: path.join(folder, 'wrong.yaml'), env: {}, args: [] })
    t.fail('it has to be refused')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    t.equal(error.message.replaceAll(`${folder}${path.sep}`, '').trimEnd(), expected)
  }
})

t.test('the configuration of the README is valid', async t => {
  const text = blockAfter(readme, '## Your own configuration')
  t.ok(typeof parse(text) === 'object')
  const folder = t.testdir({ 'weir.yaml': text })
  const loaded = await loadConfig({ file: path.join(folder, 'weir.yaml'), env: {}, args: [] })
  t.same(loaded.warnings, [])
  t.same(loaded.config.routes.map(({ name }) => name), ['shop'])
})

t.test('the tour asks the ports of the quickstart', async t => {
  const ports = new Set([...readme.matchAll(/127\.0\.0\.1:(\d+)\//g)].map(match => Number(match[1])))
  t.same([...ports].sort(), [PROXY_PORT, ADMIN_PORT].sort())
})

t.test('the two commands and the marks of the benchmark table are there', async t => {
  t.ok(readme.includes('npm ci && npm start\n'))
  t.ok(readme.includes('npm ci && npm test\n'))
  t.match(readme, /<!-- bench:begin -->\n[^]+<!-- bench:end -->/)
})
