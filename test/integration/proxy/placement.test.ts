/**
 * Placement over real sockets: matches, lists, overrides, and the cookie of Weir.
 */
import { proxyTest, type ProxyBench, type TestRoute } from '../../helpers/data-plane.ts'
import { exact, KEY, placementSpec, requestTest } from '../../helpers/placement-specs.ts'
import { get } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { signOverride } from '../../../src/placement/override-token.ts'
import { explainChoice } from '../../../src/exchange/explain-choice.ts'
import { systemClock } from '../../../src/core/clock.ts'

/** A route whose versions answer with their own name, and what their origins were sent. */
async function versions (bench: ProxyBench, route: Omit<TestRoute, 'name'>, answer = (version: string) => ok(version)) {
  const asked: string[] = []
  await bench.routes.placements.load()
  bench.route([route])
  for (const version of Object.keys(route.weights)) {
    const origin = await bench.extraOrigin((request, connection) => {
      asked.push(request.startLine, ...request.fields.map(([name, value]) => `${name}: ${value}`))
      connection.send(answer(version))
    })
    bench.endpoints(version, [origin.port])
  }
  return {
    asked,
    ask: async (fields = '', path = '/') => {
      const client = await bench.client()
      const response = await client.ask(get(path, fields))
      client.destroy()
      return { version: response.body.toString('latin1'), cookies: valuesOf(response, 'set-cookie'), response }
    }
  }
}

const matches = [{ version: 'canary', match: [requestTest({ headers: [exact('x-user', 'anna')] })], alwaysNever: [{ by: 'cookie' as const, name: 'canary' }] }]

proxyTest('a version of weight 0 is reached by match, list or override alone', async (t, bench) => {
  const overrides = { route: 'test', keys: [KEY], trustedNetworks: [] }
  const { ask, asked } = await versions(bench, { weights: { stable: 1, canary: 0 }, placement: placementSpec({ overrides, matches }) })
  const token = signOverride(KEY, { route: 'test', version: 'canary', expires: Math.floor(systemClock.wallMs() / 1_000) + 60 })
  t.equal((await ask()).version, 'stable')
  t.equal((await ask('X-User: anna\r\n')).version, 'canary')
  t.equal((await ask('Cookie: a=1; canary=always\r\n')).version, 'canary')
  t.equal((await ask('X-User: anna\r\nCookie: canary=never\r\n')).version, 'stable')
  t.equal((await ask(`X-Weir-Version: ${token}\r\n`)).version, 'canary')
  t.equal((await ask(`Cookie: a=1; weir-version=${token}\r\n`)).version, 'canary')
  t.equal((await ask('X-Weir-Version: canary\r\nCookie: weir-version=canary\r\n')).version, 'stable', 'not signed')
  t.equal((await ask(`X-User: anna\r\nX-Weir-Version: ${token.replace('~canary~', '~stable~')}\r\n`)).version, 'canary', 'a bad override changes nothing')
  t.notMatch(asked.join('\n'), /weir.version|~canary~/i, 'no origin has seen an override')
})

proxyTest('never keeps a client from the only version that has a weight, as long as another one has endpoints', async (t, bench) => {
  const { ask } = await versions(bench, { weights: { stable: 0, canary: 1 }, placement: placementSpec({ matches }) })
  t.equal((await ask()).version, 'canary')
  t.equal((await ask('Cookie: canary=never\r\n')).version, 'stable')
  bench.endpoints('stable', [])
  t.equal((await ask('Cookie: canary=never\r\n')).version, 'canary')
})

proxyTest('a placed request goes where whenEmpty says when its version has no endpoint', async (t, bench) => {
  const { ask } = await versions(bench, { weights: { stable: 1, canary: 0 }, placement: placementSpec({ matches }) })
  bench.endpoints('canary', [])
  t.equal((await ask('X-User: anna\r\n')).version, 'stable')
})

proxyTest('what placed a request is remembered with it', async (t, bench) => {
  const { ask } = await versions(bench, { weights: { stable: 1, canary: 0 }, placement: placementSpec({ matches }) })
  const idOf = async (fields: string) => valuesOf((await ask(fields)).response, 'x-request-id')[0] ?? ''
  const recalled = async (fields: string) => {
    const id = await idOf(fields)
    await bench.until('the request is over', () => bench.plane.recent.find(id) !== undefined)
    return bench.plane.recent.find(id)
  }
  t.match(await recalled('X-User: anna\r\n'), { placement: 'match', placedBy: 'canary', version: 'canary' })
  t.match(await recalled('Cookie: canary=never\r\n'), { placement: 'never', placedBy: 'canary', version: 'stable' })
  t.match(await recalled(''), { placement: '', placedBy: '', version: 'stable' })
}, { responseFields: { requestId: true, version: false } })

const issue = { name: 'weir-client', path: '/', sameSite: 'Lax', secure: 'auto', maxAgeSeconds: 0, httpOnly: true, keys: [KEY] } as const
const affinity = { by: 'cookie', cookie: 'sid', level: 'version', issue } as const

proxyTest('a client stays on the version of its first answer, whatever cookie the application gives it then', async (t, bench) => {
  const { ask } = await versions(bench, { affinity, weights: { stable: 50, canary: 50 } })
  for (let client = 0; client < 20; client++) {
    const forwarded = `X-Forwarded-For: 203.0.113.${client}\r\n`
    const first = await ask(forwarded)
    const [cookie = ''] = first.cookies
    t.match(cookie, /^weir-client=[\w-]{16}\.[0-9a-f]{8}\.[\w-]{43}; Path=\/; SameSite=Lax; HttpOnly$/)
    const later = await ask(`${forwarded}Cookie: ${cookie.split(';')[0]}; sid=${client * 7}\r\n`)
    t.same([later.version, later.cookies], [first.version, []])
    const elsewhere = await ask(`X-Forwarded-For: 198.51.100.${client}\r\nCookie: ${cookie.split(';')[0]}\r\n`)
    t.equal(elsewhere.version, first.version, 'from another address too')
    const withoutOurs = await ask(`${forwarded}Cookie: sid=${client}\r\n`)
    t.equal((await ask(`Cookie: ${(withoutOurs.cookies[0] ?? '').split(';')[0]}\r\n`)).version, withoutOurs.version, 'a client that has only that of the application gets one too')
  }
}, { trustedProxies: ['127.0.0.1'] })

proxyTest('an answer that a shared cache may keep, one that was placed, and those of Weir itself give no cookie', async (t, bench) => {
  const { ask } = await versions(bench, { affinity, weights: { stable: 1, canary: 0 }, placement: placementSpec({ matches }) }, version =>
    ok(version, version === 'stable' ? 'Cache-Control: max-age=60, Public\r\nSet-Cookie: sid=1\r\n' : ''))
  t.same((await ask()).cookies, ['sid=1'])
  t.same((await ask('X-User: anna\r\n')).cookies, [])
  bench.endpoints('stable', [])
  t.same((await ask()).cookies, [])
})

proxyTest('whether a shared cache may keep an answer is what RFC 9111 says', async (t, bench) => {
  let fields = ''
  const { ask } = await versions(bench, { affinity, weights: { stable: 1 } }, version => ok(version, fields))
  const kept = [
    'Cache-Control: public', 'Cache-Control: s-maxage=60', 'Cache-Control: max-age=60', 'cache-control: must-revalidate\r\nCache-Control: Max-Age = "60"',
    'Expires: Thu, 01 Dec 2050 16:00:00 GMT', 'Expires: Thu, 01 Dec 2050 16:00:00 GMT\r\nCache-Control: must-revalidate',
    'Cache-Control: no-store\r\nCDN-Cache-Control: max-age=60', 'Cache-Control: max-age=0\r\nSurrogate-Control: max-age=60'
  ]
  const own = [
    '', 'Cache-Control: private, max-age=60', 'Cache-Control: no-store, max-age=60', 'Cache-Control: max-age=0, must-revalidate', 'Cache-Control: no-cache',
    'Cache-Control: max-age=00', 'Cache-Control: publicity', 'Expires: 0', 'Expires: -1', 'Expires: Thu, 19 Nov 1981 08:52:00 GMT', 'Expires: Thu, 01 Dec 2050 16:00:00 GMT\r\nCache-Control: max-age=0',
    'Expires: Thu, 01 Dec 2050 16:00:00 GMT\r\nCache-Control: private', 'Cache-Control: private\r\nCache-Control: max-age=60', 'CDN-Cache-Control: no-store'
  ]
  for (const [given, lines] of [[0, kept], [1, own]] as const) {
    for (const line of lines) {
      fields = line === '' ? '' : `${line}\r\n`
      t.equal((await ask()).cookies.length, given, line)
    }
  }
})

proxyTest('what a filter makes of an answer decides whether a shared cache may keep it', async (t, bench) => {
  const caching = (value: string) => ({ responseHeaders: { set: [{ name: 'Cache-Control', value }], add: [], remove: [] } })
  const open = await versions(bench, { affinity, weights: { stable: 1 }, filters: caching('public') })
  t.same((await open.ask()).cookies, [])
  const closed = await versions(bench, { affinity, weights: { stable: 1 }, filters: caching('private') }, version => ok(version, 'Cache-Control: public\r\n'))
  t.equal((await closed.ask()).cookies.length, 1)
})

proxyTest('Secure is for clients that have come by TLS, as the proxy before Weir tells it', async (t, bench) => {
  const { ask } = await versions(bench, { affinity, weights: { stable: 1 } })
  for (const [proto, secure] of [['https', true], ['wss', true], ['http', false], ['ws', false], ['WSS', true], ['ftps', false]] as const) {
    t.equal((await ask(`X-Forwarded-Proto: ${proto}\r\n`)).cookies[0]?.includes('; Secure'), secure, proto)
  }
}, { trustedProxies: ['127.0.0.1'] })

proxyTest('two first requests at a time both get an answer and a cookie', async (t, bench) => {
  const { ask } = await versions(bench, { affinity, weights: { stable: 50, canary: 50 } })
  const both = await Promise.all([ask(), ask()])
  t.equal(both[0].version, both[1].version, 'both by the address of the client')
  for (const { cookies, version } of both) t.equal((await ask(`Cookie: ${(cookies[0] ?? '').split(';')[0]}\r\n`)).version, version)
})

proxyTest('an explanation says which rule placed a request, and why those before it did not', async (t, bench) => {
  const lists = [{ name: 'beta', version: 'canary', by: 'header' as const, field: 'X-Beta' }]
  await versions(bench, { weights: { stable: 1, canary: 0 }, placement: placementSpec({ lists, matches }) })
  const explained = (headers: Readonly<Record<string, string>>) => explainChoice(bench.plane, { route: 'test', ip: '203.0.113.9', request: { headers } }).choice
  t.match(explained({ 'x-user': 'anna' }), {
    placement: 'match',
    chosen: 'canary',
    version: 'canary',
    rules: [{ kind: 'list', name: 'beta', chosen: false, why: 'the request has no header X-Beta' }, { kind: 'match', chosen: true, why: 'all of its conditions hold' }]
  })
  t.match(explained({ 'x-user': 'anna', cookie: 'canary=never' }), { placement: 'never', chosen: 'stable', rules: [{}, { kind: 'never', why: 'the cookie canary says never' }] })
  t.match(explained({}), { placement: '', chosen: 'stable' })
})
