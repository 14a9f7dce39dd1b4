import t from 'tap'
import type { AffinityConfig } from '../../../src/config/schema.ts'
import { explain, type ExplainableRoute } from '../../../src/routing/explain.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { RouteTable } from '../../../src/routing/route-table.ts'
import { Split } from '../../../src/routing/split.ts'
import { compileStickyKey } from '../../../src/routing/sticky-key.ts'

interface Setup {
  readonly by?: AffinityConfig['by']
  readonly weights?: readonly number[]
  readonly available?: readonly number[]
  readonly whenEmpty?: 'fallback' | 'fail'
}

function explained (setup: Setup, headers: Record<string, string> = {}) {
  const route: ExplainableRoute = {
    name: 'hello',
    stickyKey: compileStickyKey({ by: setup.by ?? 'client-ip', header: 'x-user', level: 'version' }, () => 0),
    split: new Split('hello', ['stable', 'canary'], setup.weights ?? [1, 1]),
    available: Uint8Array.from(setup.available ?? [1, 1]),
    whenEmpty: setup.whenEmpty ?? 'fallback'
  }
  const table = new RouteTable([{ match: { path: '/' }, payload: route }])
  return explain(table, new PlainRequest({ headers }), '203.0.113.9')
}

const other = (version: string | undefined) => version === 'stable' ? 'canary' : 'stable'

t.test('names the route, the version, the kind of key and the scores', async t => {
  const explanation = explained({})
  t.match(explanation, { route: 'hello', keyKind: 'client-ip', keyHash: /^[0-9a-f]{8}$/ })
  const [winner] = [...explanation.versions].sort((left, right) => (left.score ?? Infinity) - (right.score ?? Infinity))
  t.equal(explanation.version, winner?.version)
  t.match(explanation.reason, `"${winner?.version ?? ''}" has the lowest score for the client's client-ip`)
})

t.test('says which key was used when the header is missing', async t => {
  t.equal(explained({ by: 'header' }, { 'x-user': '42' }).keyKind, 'header')
  t.equal(explained({ by: 'header' }).keyKind, 'client-ip')
})

t.test('says who serves while the version is empty', async t => {
  const chosen = explained({}).version
  const available = chosen === 'stable' ? [0, 1] : [1, 0]
  const fallback = explained({ available })
  t.equal(fallback.version, other(chosen))
  t.match(fallback.reason, new RegExp(`"${chosen}".*has no endpoint; "${other(chosen)}" has the next score`))
  const fail = explained({ available, whenEmpty: 'fail' })
  t.equal(fail.version, undefined)
  t.match(fail.reason, /says to fail: the request gets 503/)
  const nobody = explained({ available: [0, 0] })
  t.equal(nobody.version, undefined)
  t.match(nobody.reason, /no other version/)
})

t.test('says that weight 0 takes nobody', async t => {
  const explanation = explained({ weights: [0, 0] })
  t.equal(explanation.version, undefined)
  t.match(explanation.reason, /weight 0/)
})

t.test('names no version when every request is drawn anew', async t => {
  const explanation = explained({ by: 'none' })
  t.match(explanation, { version: undefined, keyKind: 'random', keyHash: undefined, reason: /at random/ })
  t.ok(explanation.versions.every(({ score }) => score === undefined))
})

t.test('says when no route matches', async t => {
  const explanation = explain(new RouteTable<ExplainableRoute>([]), new PlainRequest({}), '203.0.113.9')
  t.match(explanation, { route: undefined, version: undefined, versions: [], reason: /no route/ })
})
