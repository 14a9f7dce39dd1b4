/** docs/lab.md: its steps and figures are those of the lab. What it prints is held to the page by test/chaos/lab.test.ts. */
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readFileSync } from 'node:fs'
import { judgeShare } from '../../../deploy/examples/hello/lab-judge.ts'
import { MAX_CLIENTS, MIN_CLIENTS } from '../../../deploy/examples/hello/lab-frontend.ts'
import { LAB_STEPS } from '../../../deploy/examples/hello/lab-walk.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { Split } from '../../../src/routing/split.ts'
import { compileStickyKey, StickyKey } from '../../../src/routing/sticky-key.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { blockAfter, readPage, ROOT } from './page.ts'

const page = readPage('docs/lab.md')
const CONFIG = path.join(ROOT, 'deploy/examples/hello/lab/frontend/weir.yaml')
const { config } = await loadConfig({ file: CONFIG, env: {}, args: [] })
const route = config.routes.find(({ name }) => name === 'hello')

/** Where the first clients of the lab belong, by address. */
function homesOf (clients: number, weights: readonly number[]): ReadonlyMap<string, string> {
  if (route === undefined) throw new TypeError('the lab has no route hello')
  const split = new Split(route.affinity.salt ?? route.name, route.versions.map(({ name }) => name), weights)
  const resolver = compileStickyKey(route.affinity, () => 0)
  const request = new PlainRequest({ method: 'GET', host: 'any', path: '/', query: '', headers: {} })
  const key = new StickyKey()
  return new Map(Array.from({ length: clients }, (_, index) => {
    const address = `127.0.0.${index + 2}`
    resolver.resolve(request, address, key)
    return [address, route.versions[split.choose(key.hash)]?.name ?? '']
  }))
}

t.test('the page has the steps of the lab, in their order', async t => {
  const headings = [...page.matchAll(/^## (\d+)\. (.+)$/gm)].map(([, number, title]) => [Number(number), title])
  t.same(headings, LAB_STEPS.map(({ title }, index) => [index + 1, title]))
  const shown = [...page.matchAll(/^<!-- lab -->\n```console\n(\d+)\. (.+)$/gm)].map(([, number, title]) => [Number(number), title])
  t.same(shown, headings, 'and what each prints')
})

t.test('the figures of the canary are what the split gives a hundred clients', async t => {
  const quarter = homesOf(100, [75, 25, 0])
  const half = homesOf(100, [50, 50, 0])
  const count = (homes: ReadonlyMap<string, string>): number => [...homes.values()].filter(name => name === 'canary').length
  const moved = [...half].filter(([client, name]) => quarter.get(client) !== name)
  for (const line of [
    `${count(quarter)} of 100 clients are on 2.0.0`, `${count(half)} of 100 clients are on 2.0.0`, `${moved.length} clients moved, ${moved.length} of them to 2.0.0`
  ]) t.ok(page.includes(`    ${line}\n`), line)
  t.ok(page.includes(`${count(quarter)} of 100 clients is 25 %`))
})

t.test('whatever number of clients is asked for, their share is within the tolerance', async t => {
  for (let clients = MIN_CLIENTS; clients <= MAX_CLIENTS; clients++) {
    for (const [weights, share] of [[[75, 25, 0], 0.25], [[50, 50, 0], 0.5]] as const) {
      const fault = judgeShare(homesOf(clients, weights), 'canary', share)
      if (fault !== undefined) t.fail(`${clients} clients: ${fault}`)
    }
  }
})

t.test('the routes of the page are those of the frontend', async t => {
  const { routes }: { readonly routes: unknown } = Object(parse(readFileSync(CONFIG, 'utf8')))
  t.same(parse(blockAfter(page, '**The routes**')), { routes })
  const byTrack: { readonly routes: ReadonlyArray<{ readonly name: string, readonly versions: unknown }> } = Object(parse(readFileSync(CONFIG.replace('frontend', 'frontend-by-track'), 'utf8')))
  t.same(parse(blockAfter(page, '## 5.')), { versions: byTrack.routes.find(({ name }) => name === 'hello')?.versions })
})

t.test('every file that it tells to apply exists, by a command of the lab or of its beginning', async t => {
  const files = new Set([...page.matchAll(/(?:-f|-k|--from-file=) ?(deploy\/\S+)/g)].map(([, file = '']) => file))
  for (const file of files) t.doesNotThrow(() => readFileSync(path.join(ROOT, file.endsWith('.yaml') || file.endsWith('.ts') ? file : `${file}/kustomization.yaml`)), file)
  t.ok(files.size >= 6)
})
