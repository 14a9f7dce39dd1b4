/** Authentication that holds for a connection (NTLM, Negotiate): nobody is served as somebody else. */
import type { RouteConfig } from '../../../src/config/schema.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { logIn, ntlmOrigin, seen, unauthorized } from '../../helpers/ntlm-origin.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

proxyTest('a second client is never served as the first, however many come', async (t, bench) => {
  const origin = await bench.origin(ntlmOrigin())
  const alice = await bench.client()
  t.equal(seen(await logIn(alice, 'alice')), '200 origin:alice')
  t.equal(origin.connections.length, 1, 'all three steps need the same connection')
  for (let round = 0; round < 5; round++) t.equal(seen(await (await bench.client()).ask(get())), '401')
  t.equal(seen(await alice.ask(get('/again'))), '200 origin:alice')
  const bob = await bench.client()
  t.equal(seen(await logIn(bob, 'bob')), '200 origin:bob')
  t.same([seen(await alice.ask(get())), seen(await bob.ask(get()))], ['200 origin:alice', '200 origin:bob'])
})

for (const challenge of [
  'NTLM', 'ntlm', 'nTlM', 'Negotiate', 'NEGOTIATE oRswGaADCgEA', 'Basic realm="a, b", NTLM', 'Basic realm="x"\r\nWWW-Authenticate: Negotiate',
  'Digest realm="x", nonce="y", qop="auth",Negotiate', ', ,NTLM'
]) {
  proxyTest(`the connection of an answer with ${JSON.stringify(challenge)} is its client's alone`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(unauthorized(`WWW-Authenticate: ${challenge}\r\n`)) })
    const first = await bench.client()
    await first.ask(get())
    await (await bench.client()).ask(get())
    t.equal(origin.connections.length, 2)
    await first.ask(get())
    t.equal(origin.connections.length, 2, 'the client goes on using its own')
  })
}

for (const [what, answer] of [
  ['Proxy-Authenticate in a 407', 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nProxy-Authenticate: NTLM\r\n\r\n'],
  ['a 200', ok('x', 'WWW-Authenticate: Negotiate oRswGaADCgEA\r\n')],
  ['an interim response', `HTTP/1.1 103 Early Hints\r\nWWW-Authenticate: NTLM\r\n\r\n${ok('x')}`],
  ['a line that Connection names', ok('x', 'Connection: WWW-Authenticate\r\nWWW-Authenticate: NTLM\r\n')]
] as const) {
  proxyTest(`NTLM in ${what} makes the connection its client's alone`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(answer) })
    for (let round = 0; round < 3; round++) await (await bench.client()).ask(get())
    t.equal(origin.connections.length, 3)
  })
}

for (const fields of [
  'Authorization: NTLM x\r\n', 'authorization: negotiate x\r\n', 'Proxy-Authorization: NTLM x\r\n', 'Authorization: Negotiate\tx\r\n',
  'Authorization: Basic x\r\nAuthorization: NTLM x\r\n', 'Connection: Authorization\r\nAuthorization: NTLM x\r\n'
]) {
  proxyTest(`a request with ${JSON.stringify(fields)} makes the connection its client's alone`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('x')) })
    await (await bench.client()).ask(get())
    for (let round = 0; round < 3; round++) await (await bench.client()).ask(get('/', fields))
    t.equal(origin.connections.length, 3, 'the first of them takes the pooled one')
  })
}

for (const [what, fields, answer] of [
  ['Basic', 'Authorization: Basic bnRsbQ==\r\n', unauthorized('WWW-Authenticate: Basic realm="NTLM-like"\r\n')],
  ['Bearer', 'Authorization: Bearer NTLMSSP\r\n', unauthorized('WWW-Authenticate: Bearer error="x"\r\n')]
] as const) {
  proxyTest(`the connections of ${what} are pooled`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(answer) })
    for (let round = 0; round < 3; round++) await (await bench.client()).ask(get('/', fields))
    t.equal(origin.connections.length, 1)
  })
}

proxyTest('the endpoint\'s connection ends with the client\'s', async (t, bench) => {
  const origin = await bench.origin(ntlmOrigin())
  const alice = await bench.client()
  await logIn(alice, 'alice')
  const connection = await origin.connection()
  t.notOk(connection.ended)
  alice.end()
  await connection.untilEnded()
  t.equal(seen(await (await bench.client()).ask(get())), '401')
})

for (const [what, fields, version] of [['that closes', 'Connection: close\r\n', '1.1'], ['of HTTP/1.0', '', '1.0']] as const) {
  // No time passes, so the client is still being read when the endpoint's connection ends.
  timedProxyTest(`a request ${what} ends the login too`, async (t, bench) => {
    const origin = await bench.origin(ntlmOrigin())
    const alice = await bench.client()
    await logIn(alice, 'alice')
    t.equal(seen(await alice.ask(`GET / HTTP/${version}\r\nHost: h\r\n${fields}\r\n`)), '200 origin:alice')
    await alice.untilEnded()
    await (await origin.connection()).untilEnded()
    t.equal(bench.left()['connectionsOpen'], 1, 'before the client has closed')
  })
}

for (const how of ['a FIN', 'a reset'] as const) {
  proxyTest(`the client's connection ends with the endpoint's: ${how}`, async (t, bench) => {
    const origin = await bench.origin(ntlmOrigin())
    const alice = await bench.client()
    await logIn(alice, 'alice')
    const connection = await origin.connection()
    if (how === 'a FIN') connection.end()
    else connection.reset()
    await alice.untilEnded()
    t.same([alice.fault, alice.error], [undefined, undefined], 'in peace')
  })
}

proxyTest('an answer that ends the login says so to the client', async (t, bench) => {
  const login = ntlmOrigin()
  await bench.origin((request, connection) => {
    if (request.startLine.includes('/bye')) connection.send(ok('bye', 'Connection: close\r\n'))
    else login(request, connection)
  })
  const alice = await bench.client()
  await logIn(alice, 'alice')
  const answer = await alice.ask(get('/bye'))
  t.same([seen(answer), valuesOf(answer, 'connection')], ['200 bye', ['close']])
  await alice.untilEnded()
})

proxyTest('an offer that the client does not take up closes nothing', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(unauthorized('WWW-Authenticate: NTLM\r\n')) })
  const client = await bench.client()
  await client.ask(get())
  const connection = await origin.connection()
  connection.end()
  await connection.until('its end', () => connection.closed)
  t.equal(seen(await client.ask(get())), '401')
  t.notOk(client.ended)
})

proxyTest('requests that are sent ahead stay on the connection', async (t, bench) => {
  const origin = await bench.origin(ntlmOrigin())
  const alice = await bench.client()
  alice.expect(...Array.from({ length: 6 }, () => 'GET'))
  alice.send([get(), get('/', 'Authorization: NTLM hello\r\n'), get('/', 'Authorization: NTLM alice\r\n'), get(), get(), get()].join(''))
  const answers: string[] = []
  for (let index = 0; index < 6; index++) answers.push(seen(await alice.answer()))
  t.same(answers, ['401', '401', '200 origin:alice', '200 origin:alice', '200 origin:alice', '200 origin:alice'])
  t.equal(origin.connections.length, 1)
})

const breaks: ReadonlyArray<readonly [string, OriginHandler]> = [
  ['closes', (_, connection) => { connection.end() }],
  ['resets', (_, connection) => { connection.reset() }],
  ['answers 503', (_, connection) => { connection.send(ok('away').replace('200 OK', '503 Service Unavailable')) }]
]

for (const [what, broken] of breaks) {
  for (const request of [get('/broken'), post('/broken', 'x')]) {
    proxyTest(`a ${request.slice(0, 4).trim()} on a connection with a login goes to no other when the endpoint ${what}`, async (t, bench) => {
      const login = ntlmOrigin()
      let asked = 0
      const handler: OriginHandler = (message, connection) => {
        if (!message.startLine.includes('/broken')) return login(message, connection)
        asked++
        broken(message, connection)
      }
      const [first, second] = [await bench.extraOrigin(handler), await bench.extraOrigin(handler)]
      bench.route([{ weights: { v1: 1 }, policy: { retries: retriesOfAll } }])
      bench.endpoints('v1', [first.port, second.port])
      const alice = await bench.client()
      await logIn(alice, 'alice')
      const answer = await alice.ask(request)
      t.equal(seen(answer).slice(0, 3), what === 'answers 503' ? '503' : '502')
      t.equal(asked, 1)
      if (what !== 'answers 503') {
        t.same(valuesOf(answer, 'connection'), ['close'])
        await alice.untilEnded()
      }
    })
  }
}

const retriesOfAll: RouteConfig['retries'] = {
  attempts: 3, on: ['connect', 'reset', 502, 503, 504], perTryTimeout: '0s', idempotentOnly: false, bufferBytes: 65_536, budget: { share: 1, minimum: 100 }
}

proxyTest('a login that never reached an endpoint goes to another one', async (t, bench) => {
  const origin = await bench.extraOrigin(ntlmOrigin())
  const gone = await bench.extraOrigin()
  await gone.close()
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [gone.port, origin.port])
  for (let round = 0; round < 4; round++) t.equal(seen(await (await bench.client()).ask(get('/', 'Authorization: NTLM hello\r\n'))), '401')
})

async function twoVersions (bench: ProxyBench): Promise<void> {
  const origins = [await bench.extraOrigin(ntlmOrigin('v1')), await bench.extraOrigin(ntlmOrigin('v2')), await bench.extraOrigin(ntlmOrigin('v2'))]
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  bench.endpoints('v1', [origins[0]?.port ?? 0])
  bench.endpoints('v2', origins.slice(1).map(({ port }) => port))
}

proxyTest('a client stays with the version and the endpoint that it has logged in to, whatever chance says', async (t, bench) => {
  await twoVersions(bench)
  const versions = new Set<string>()
  for (let client = 0; client < 12; client++) {
    const own = await bench.client()
    const user = `user${client}`
    const first = seen(await logIn(own, user))
    versions.add(first.slice(4, 6))
    for (let round = 0; round < 6; round++) t.equal(seen(await own.ask(get())), first)
  }
  t.equal(versions.size, 2)
})

proxyTest('a version that loses its weight serves a client that has logged in once more, and sends it away', async (t, bench) => {
  await twoVersions(bench)
  bench.split({ v1: 1, v2: 0 })
  const alice = await bench.client()
  t.equal(seen(await logIn(alice, 'alice')), '200 v1:alice')
  bench.split({ v1: 1, v2: 9 })
  for (let round = 0; round < 6; round++) t.equal(seen(await alice.ask(get())), '200 v1:alice')
  bench.split({ v1: 0, v2: 1 })
  const last = await alice.ask(get())
  t.same([seen(last), valuesOf(last, 'connection')], ['200 v1:alice', ['close']])
  await alice.untilEnded()
  t.equal(seen(await logIn(await bench.client(), 'alice')), '200 v2:alice')
})

proxyTest('an endpoint that goes takes the logins on it with it', async (t, bench) => {
  const [first, second] = [await bench.extraOrigin(ntlmOrigin('a')), await bench.extraOrigin(ntlmOrigin('b'))]
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [first.port])
  const alice = await bench.client()
  t.equal(seen(await logIn(alice, 'alice')), '200 a:alice')
  bench.endpoints('v1', [second.port])
  await (await first.connection()).untilEnded()
  await alice.untilEnded()
  t.equal(seen(await (await bench.client()).ask(get())), '401')
})

proxyTest('another route on the same connection has a login of its own, or the one at the same endpoint', async (t, bench) => {
  const [a, b] = [await bench.extraOrigin(ntlmOrigin('a')), await bench.extraOrigin(ntlmOrigin('b'))]
  bench.route([{ weights: { v1: 1 } }, { name: 'b', match: { path: '/b' }, weights: { v1: 1 } }, { name: 'also-a', match: { path: '/also' }, weights: { v1: 1 } }])
  bench.endpoints('v1', [a.port])
  bench.endpoints('v1', [b.port], 'b')
  bench.endpoints('v1', [a.port], 'also-a')
  const client = await bench.client()
  await logIn(client, 'alice')
  t.equal(seen(await client.ask(get('/b'))), '401')
  t.equal(seen(await logIn(client, 'bob', { path: '/b' })), '200 b:bob')
  t.same([seen(await client.ask(get('/also'))), seen(await client.ask(get('/b'))), seen(await client.ask(get()))], ['200 a:alice', '200 b:bob', '200 a:alice'])
  t.same([a.connections.length, b.connections.length], [1, 1])
})

proxyTest('the limits of the version hold for a client that has logged in', async (t, bench) => {
  const login = ntlmOrigin()
  const origin = await bench.extraOrigin((request, connection) => { if (!request.startLine.includes('/wait')) login(request, connection) })
  bench.route([{ weights: { v1: 1 }, policy: { circuitBreaker: { connections: 0, pending: 0, requests: 1, perEndpoint: { connections: 0, pending: 0, requests: 0 } } } }])
  bench.endpoints('v1', [origin.port])
  const alice = await bench.client()
  await logIn(alice, 'alice')
  const other = await bench.client()
  other.send(get('/wait'))
  await (await origin.connection(1)).head()
  t.equal(seen(await alice.ask(get())).slice(0, 3), '503')
  other.destroy()
  await bench.until('room', () => bench.version().inFlight === 0)
  t.equal(seen(await alice.ask(get())), '200 origin:alice')
})

timedProxyTest('an offer is kept as long as any idle connection, a login as long as the client\'s own connection', async (t, bench, advance) => {
  const origin = await bench.origin(ntlmOrigin())
  const alice = await bench.client()
  await logIn(alice, 'alice')
  const bob = await bench.client()
  await bob.ask(get())
  await advance(4_100)
  await (await origin.connection(1)).untilEnded()
  t.notOk(bob.ended)
  t.equal(seen(await alice.ask(get())), '200 origin:alice')
  t.equal(seen(await bob.ask(get())), '401')
  await advance(10_100)
  await alice.untilEnded()
  alice.end()
  await (await origin.connection()).untilEnded()
}, { timeoutsMs: { upstreamIdle: 4_000, keepAliveIdle: 10_000 } })
