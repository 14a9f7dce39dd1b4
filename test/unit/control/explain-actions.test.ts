/** What explanations say of filters: what answers a request before it has a version, and what is changed for the one that it goes to. */
import t from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import type { ExplainAnswer, ExplainQuery } from '../../../src/control/explain-answer.ts'
import { ExplainBench, HELLO } from '../../helpers/explain-bench.ts'

type Filters = NonNullable<RouteConfig['filters']>

const bench = (filters: Filters, different: Partial<RouteConfig> = {}): ExplainBench =>
  new ExplainBench([{ ...HELLO, match: { path: '/shop' }, filters, ...different }])

async function explain (of: ExplainBench, query: Partial<ExplainQuery> = {}): Promise<ExplainAnswer> {
  const answer = await of.explainer.explain({
    route: 'hello', ip: '192.0.2.7', method: 'GET', host: 'shop.test', path: '/shop/a', query: 'b=c', members: new Map(), headers: new Map(), ...query
  })
  if (answer === undefined) throw new Error('there is no such route')
  return answer
}

t.test('what a filter answers goes to no version', async t => {
  const limit: Filters['rateLimit'] = { requests: 1, per: '10s', burst: 1, by: 'client-ip', maxClients: 64 }
  const denied = bench({ clients: { allow: [], deny: ['192.0.2.0/24'] }, rateLimit: limit })
  t.match(await explain(denied), {
    outcome: 'denied',
    version: null,
    endpoint: null,
    actions: [{ kind: 'clients', version: null, outcome: 'denied', why: '`deny` has 192.0.2.7' }],
    why: [/takes/, /recognised/, 'filters.clients denies the request, which gets 403: `deny` has 192.0.2.7']
  })
  const others = await explain(denied, { ip: '198.51.100.1' })
  t.same(others.actions.map(({ kind, outcome }) => [kind, outcome]), [['clients', null], ['rateLimit', null]])
  t.match(others, { outcome: 'attempt' })
  t.match(await explain(bench({ clients: { allow: ['10.0.0.0/8'], deny: [] } })), { outcome: 'denied', actions: [{ why: '`allow` does not have 192.0.2.7' }] })
  for (const [redirect, why] of [
    [{ scheme: 'https', statusCode: 301 }, 'it gets 301 with Location https://shop.test/shop/a?b=c'],
    [{ path: { replacePrefixMatch: '/' }, statusCode: 302 }, 'it gets 302 with Location http://shop.test/a?b=c, with the scheme and port by which it comes'],
    [{ port: 8443, statusCode: 302 }, 'it gets 302 with Location http://shop.test:8443/shop/a?b=c, with the scheme by which it comes']
  ] as const) t.match(await explain(bench({ requestRedirect: redirect })), { outcome: 'redirected', version: null, actions: [{ kind: 'requestRedirect', why }] })
  t.match(await explain(bench({ requestRedirect: { scheme: 'https', statusCode: 301 } }), { host: '' }), { outcome: 'homeless' })
})

t.test('asking uses up no rate, and a client that has used up its own is told so', async t => {
  const limited = bench({ rateLimit: { requests: 1, per: '10s', burst: 2, by: 'header', header: 'X-Key', maxClients: 64 } })
  const query = { headers: new Map([['x-key', 'a']]) }
  for (let index = 0; index < 5; index++) t.match(await explain(limited, query), { outcome: 'attempt' })
  const [worker] = limited.workers
  const entry = worker?.plane.routes.get('hello')?.entry
  const view = { header: (name: string) => name === 'x-key' ? 'a' : undefined } as never
  for (let index = 0; index < 3; index++) entry?.refuse(view, '192.0.2.7', { wayIn: () => ({ scheme: 'http', port: 80 }) }, limited.clock)
  t.match(await explain(limited, query), { outcome: 'limited', actions: [{ kind: 'rateLimit', why: 'the client has used up its rate for 10 s more' }] })
  t.match(await explain(limited, { headers: new Map([['x-key', 'b']]) }), { outcome: 'attempt' })
})

t.test('what is changed for the version that serves is shown, without values', async t => {
  const fields = { set: [{ name: 'X-Env', value: 'secret' }], add: [{ name: 'Accept', value: 'secret' }], remove: ['Authorization'] }
  const [stable, canary] = HELLO.versions
  if (stable === undefined || canary === undefined) return
  const of = bench({ requestHeaders: fields, urlRewrite: { hostname: 'inside.test', path: { replacePrefixMatch: '/v2' } } }, {
    maxBodyBytes: 100,
    versions: [stable, { ...canary, weight: 0, maxBodyBytes: 50, filters: { responseHeaders: { set: [], add: [{ name: 'Set-Cookie', value: 'secret' }], remove: [] } } }]
  })
  const { actions, why } = await explain(of)
  t.same(actions, [
    { kind: 'maxBodyBytes', version: 'stable', outcome: null, why: 'a body of more than 100 bytes gets 413' },
    { kind: 'urlRewrite', version: 'stable', outcome: null, why: 'the endpoint gets the path /v2/a and the Host inside.test' },
    { kind: 'requestHeaders', version: 'stable', outcome: null, why: 'sets X-Env; adds Accept; removes authorization' }
  ])
  t.ok(why.includes('requestHeaders for "stable": sets X-Env; adds Accept; removes authorization'))
  t.notMatch(JSON.stringify([actions, why]), /secret/)
  of.split({ stable: 0, canary: 1 })
  const other = await explain(of)
  t.match(other.actions.map(({ kind, why }) => `${kind} ${why}`), ['maxBodyBytes a body of more than 50 bytes gets 413', /^urlRewrite/, /^requestHeaders/, 'responseHeaders adds Set-Cookie'])
  t.same((await explain(bench({ responseHeaders: { set: [], add: [], remove: ['Server'] } }, { affinity: { ...HELLO.affinity, by: 'none' } }))).actions.map(({ version }) => version), ['stable', 'canary'], 'each that may be drawn')
})
