/** Copies of requests over real sockets: what the version of the mirror gets, what is counted, and that nothing real changes by it. */
import type { ShadowCounts } from '../../../src/contract/shadow-report.ts'
import { WORKER } from '../../../src/telemetry/counter-layout.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, type TestRoute, timedProxyTest } from '../../helpers/data-plane.ts'
import { testWatch } from '../../helpers/evidence-sum.ts'
import { answers, COMPARE, MIRROR, mirrored } from '../../helpers/mirrored.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { ok, type OriginHandler, type RawOrigin } from '../../helpers/raw-origin.ts'
import { NO_EJECTION } from '../../helpers/two-endpoints.ts'

proxyTest('a copy is the request, marked, without credentials, and its answer is nobody\'s', async (t, bench) => {
  const { stable, canary, tally, counted } = await mirrored(bench, { canary: answers(ok('other')) })
  const client = await bench.client()
  const answer = await client.ask(get('/a?b=c', 'Cookie: sid=1\r\nAuthorization: Bearer x\r\nX-Own: 1\r\nX-Weir-Version: canary\r\n'))
  await counted(1)
  t.equal(answer.body.toString(), 'ok')
  const [real, copy] = [stable.requests[0], canary.requests[0]]
  t.equal(copy?.startLine, real?.startLine)
  const named = (name: string): readonly string[] => copy?.fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value) ?? []
  t.same([named('x-weir-shadow'), named('cookie'), named('authorization'), named('x-own')], [['1'], [], [], ['1']])
  t.match(tally, { drawn: 1, sent: 1, same: 0, different: { status: 0, headers: 0, body: 1 } })
  t.same([real?.fields.some(([name]) => name === 'X-Weir-Shadow'), bench.version('canary').upstreamConnects], [false, 0], 'nothing is counted for the version')
})

proxyTest('what is removed from copies is gone in every spelling that an origin takes for it', async (t, bench) => {
  const { canary, counted } = await mirrored(bench, { mirror: { removeHeaders: ['X-Api-Key'] } })
  await (await bench.client()).ask(get('/', 'X-Api-Key: k\r\nX_Api_Key: k\r\nx.api-key: k\r\nX-Own: 1\r\n'))
  await counted(1)
  t.same(canary.requests[0]?.fields.filter(([name, value]) => value === 'k' || name === 'X-Own'), [['X-Own', '1']])
})

proxyTest('a copy that comes from a trusted proxy stays marked, and is not copied', async (t, bench) => {
  const { stable, tally, pull } = await mirrored(bench)
  const client = await bench.client()
  await client.ask(get('/', 'X-Weir-Shadow: 1\r\nX-Weir-Other: 1\r\n'))
  await client.ask(get('/'))
  t.same(stable.requests.map(({ fields }) => fields.filter(([name]) => /^x-weir/i.test(name))), [[['X-Weir-Shadow', '1']], []])
  pull()
  t.equal(tally.drawn, 1)
  bench.routes.shadows.close()
}, { trustedProxies: ['127.0.0.1'] })

proxyTest('what is the same, and what differs first', async (t, bench) => {
  const bodies: Readonly<Record<string, readonly [string, string]>> = {
    '/same': [ok('{"a":1,"t":1}', 'Content-Type: application/json\r\n'), ok('{ "t": 2, "a": 1 }', 'Content-Type: application/json\r\n')],
    '/body': [ok('{"a":1}', 'Content-Type: application/json\r\n'), ok('{"a":2}', 'Content-Type: application/json\r\n')],
    '/headers': [ok('x', 'X-A: 1\r\n'), ok('y', 'X-A: 2\r\n')],
    '/status': [ok('x'), 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'],
    '/long': [ok('l'.repeat(9_000)), ok('l'.repeat(9_000))],
    '/longer': [ok('l'.repeat(9_000)), ok(`${'l'.repeat(4_000)}m${'l'.repeat(4_999)}`)]
  }
  const side = (index: 0 | 1): OriginHandler => (request, connection) => {
    connection.send(bodies[request.startLine.split(' ')[1] ?? '']?.[index] ?? '')
  }
  const { tally, examples, counted } = await mirrored(bench, {
    stable: side(0), canary: side(1), mirror: { compare: { ...COMPARE, ignoreJsonPaths: ['/t'], exampleBytes: 4 } }
  })
  const client = await bench.client()
  for (const path of Object.keys(bodies)) await client.ask(get(path))
  await counted(6)
  t.match(tally, { same: 2, different: { status: 1, headers: 1, body: 2 }, serverErrors: 1, cut: 2 })
  t.same(examples.map(({ kind, path }) => `${kind} ${path}`).sort(), ['body /body', 'body /longer', 'headers /headers', 'status /status'])
  const [headers] = examples.filter(({ kind }) => kind === 'headers')
  t.match(headers, { headers: ['x-a'], method: 'GET', real: { status: 200, bytes: 1, body: 'x' }, shadow: { status: 200, body: 'y' } })
})

timedProxyTest('a shadow that nobody reaches is tried fifty times a second, whatever the traffic', async (t, bench, advance) => {
  const { tally, pull, canary } = await mirrored(bench, { stable: answers(ok('real')) })
  const client = await bench.client()
  const reached = async (): Promise<readonly number[]> => {
    const { sent } = tally
    for (let count = 0; count < 5; count++) await client.ask(get('/'))
    await bench.until('the copies', () => {
      pull()
      return tally.sent - tally.failed.connect === tally.different.body + tally.same && tally.sent + tally.dropped.unreachable === tally.drawn
    })
    return [tally.sent - sent, tally.failed.connect]
  }
  const living = await reached()
  t.same(living, [5, 0], 'what answers is not left alone')
  bench.endpoints('canary', [await closedPort()])
  t.same(await reached(), [1, 1])
  await advance(19)
  t.same(await reached(), [0, 1])
  await advance(1)
  t.same(await reached(), [1, 2])
  t.equal(tally.dropped.unreachable, 13)
  bench.endpoints('canary', [canary.port])
  t.same(await reached(), [5, 2], 'another endpoint is another matter')
  bench.routes.shadows.close()
})

timedProxyTest('a shadow that is dead, resets, hangs, talks nonsense or sends without end is counted, and nothing else', async (t, bench, advance) => {
  const { counted, tally, canary } = await mirrored(bench, {
    stable: answers(ok('real')),
    canary: (request, connection) => {
      const [, path = ''] = request.startLine.split(' ')
      if (path === '/resets') connection.reset()
      if (path === '/nonsense') connection.send('SMTP 220 hello\r\n\r\n')
      if (path === '/endless') connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n${'x'.repeat(20_000)}`)
    }
  })
  bench.routes.applyWatch({ type: 'watch', route: 'test', watch: testWatch() })
  const client = await bench.client()
  for (const path of ['/resets', '/nonsense', '/endless', '/hangs']) {
    t.equal((await client.ask(get(path))).body.toString(), 'real', path)
  }
  await bench.until('the copies', () => canary.requests.length === 4)
  await advance(MIRROR.timeoutMs)
  bench.endpoints('canary', [await closedPort()])
  t.equal((await client.ask(get('/dead'))).body.toString(), 'real')
  await counted(5)
  t.same(tally.failed, { connect: 1, reset: 1, timeout: 1, malformed: 1, shed: 0 })
  t.match(tally, { sent: 5, different: { headers: 0, body: 1 } }, 'what is endless is compared as far as it is read')
  t.equal(bench.version('canary').ejections, 0)
  const [evidence] = bench.routes.evidence()
  t.same(evidence?.report.copies, { requests: 5, failed: 4, realFailed: 0, bothFailed: 0, slow: 0, realSlow: 0, different: 5 }, 'but the rollout that runs knows')
  t.same(evidence?.report.cohorts.map(({ from, to }) => [from.requests, to.requests]), [[5, 0]])
})

proxyTest('what is not copied is counted by its reason', async (t, bench) => {
  const { counted, tally, canary } = await mirrored(bench)
  const client = await bench.client()
  await client.ask(post('/', 'x'))
  await client.ask(get('/', 'X-Weir-Shadow: 1\r\n'))
  bench.endpoints('canary', [])
  await client.ask(get())
  await counted(2)
  t.match(tally.dropped, { method: 1, no_endpoint: 1 })
  t.same(canary.requests, [], 'a copy is not copied, and not drawn')
})

proxyTest('bodies are copied up to their bound when all methods are', async (t, bench) => {
  const { counted, tally, canary } = await mirrored(bench, { mirror: { methods: 'all', cookies: true } })
  const client = await bench.client()
  client.send('POST /slow HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  await bench.settle()
  client.send('3\r\ndef\r\n0\r\nX-T: 1\r\n\r\n')
  client.expect('POST')
  await client.answer()
  await client.ask(post('/large', 'x'.repeat(1_025)))
  await counted(2)
  t.match(tally, { sent: 1, same: 1, dropped: { body: 1 } })
  const copy = canary.requests[0]
  t.equal(copy?.body.toString(), 'abcdef')
  t.same(copy?.fields.filter(([name]) => /^(content-length|transfer-encoding|cookie)$/i.test(name)), [['Cookie', 'a=b'], ['Content-Length', '6']])
})

timedProxyTest('when a worker has as many copies as it may, no more are made; an override ends them', async (t, bench, advance) => {
  const { counted, tally, canary } = await mirrored(bench, { canary: () => {} })
  const client = await bench.client()
  await client.ask(get('/one'))
  await bench.until('the first copy', () => canary.requests.length === 1)
  await client.ask(get('/two'))
  bench.routes.applyMirror({ type: 'mirror', route: 'test', override: { mirror: null } })
  await client.ask(get('/three'))
  await advance(MIRROR.timeoutMs)
  await counted(2)
  t.match(tally, { sent: 1, failed: { timeout: 1 }, dropped: { requests: 1 } })
}, { shadow: { maxRequests: 1 } })

timedProxyTest('a shadow that hangs has the part of its own route, and copies of other routes are made', async (t, bench, advance) => {
  const [stable, hanging, canary] = [await bench.extraOrigin(answers(ok())), await bench.extraOrigin(() => {}), await bench.extraOrigin(answers(ok()))]
  const routes = ['hangs', 'works', 'small'].map(name => ({ name, match: { path: `/${name}` }, weights: { stable: 1, canary: 0 }, policy: NO_EJECTION, mirror: MIRROR }))
  await bench.routes.shadows.load()
  bench.route(routes)
  for (const { name } of routes) {
    bench.endpoints('stable', [stable.port], name)
    bench.endpoints('canary', [(name === 'hangs' ? hanging : canary).port], name)
  }
  const client = await bench.client()
  for (let asked = 0; asked < 5; asked++) await client.ask(get('/hangs'))
  for (let asked = 0; asked < 5; asked++) {
    await client.ask(get('/works'))
    await bench.until('the copy', () => canary.requests.length === asked + 1)
    await bench.settle()
  }
  const told = (): ReadonlyMap<string, ShadowCounts> => new Map(bench.routes.shadows.take().map(({ route, report }) => [route, report.counts]))
  const counts = told()
  t.match(counts.get('hangs'), { drawn: 5, sent: 2, dropped: { requests: 3 } }, 'a third of six')
  t.match(counts.get('works'), { drawn: 5, sent: 5, dropped: { requests: 0 } })
  bench.route(routes.slice(0, 2))
  await client.ask(get('/hangs'))
  await client.ask(get('/hangs'))
  t.match(told().get('hangs'), { drawn: 2, sent: 1, dropped: { requests: 1 } }, 'half of six, when there are two')
  await advance(MIRROR.timeoutMs)
  bench.routes.shadows.close()
}, { shadow: { maxRequests: 6 } })

proxyTest('a body that comes byte by byte takes more room than its bytes, as each of them is kept by itself', async (t, bench) => {
  const { stable, tally, counted } = await mirrored(bench, { mirror: { methods: 'all' } })
  const client = await bench.client()
  const answered = client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n', 'POST')
  await bench.until('the head', () => stable.connections[0]?.reader.heads === 1)
  for (let sent = 1; sent <= 20; sent++) {
    client.send('x')
    if (sent < 20) await bench.until('the byte', () => stable.connections[0]?.reader.partialBodyBytes === sent)
  }
  t.equal((await answered).body.toString(), 'ok')
  await counted(1)
  t.match(tally, { sent: 0, dropped: { bytes: 1 } })
}, { shadow: { maxBytes: 2_000 } })

proxyTest('copies wait for memory, descriptors and a free event loop', async (t, bench) => {
  const { counted, tally } = await mirrored(bench)
  const client = await bench.client()
  bench.page[WORKER.loopLagS] = 0.2
  await client.ask(get())
  bench.page[WORKER.loopLagS] = 0
  bench.plane.budget.largeBelow = 0
  await client.ask(get())
  bench.plane.budget.largeBelow = Infinity
  // One connection of the client, one to the endpoint.
  bench.plane.maxDescriptors = 2
  await client.ask(get())
  bench.plane.maxDescriptors = 8
  await client.ask(get())
  await counted(4)
  t.match(tally, { same: 1, dropped: { loop: 1, memory: 1, descriptors: 1 } })
}, { shadow: { maxLoopLagMs: 50 } })

proxyTest('a copy has the edits of the version that gets it, and not those of the one that answers', async (t, bench) => {
  const filters = (value: string): NonNullable<TestRoute['versionFilters']>[string] => ({
    requestHeaders: { set: [{ name: 'X-Of', value }], add: [], remove: [] }
  })
  for (const versionFilters of [{ stable: filters('stable'), canary: filters('canary') }, { canary: filters('canary') }, { stable: filters('stable') }]) {
    const { stable, canary, counted } = await mirrored(bench, { route: { versionFilters } })
    const client = await bench.client()
    await client.ask(get())
    await counted(1)
    const named = ({ requests }: RawOrigin): readonly string[] => requests.flatMap(({ fields }) => fields.filter(([name]) => name === 'X-Of').map(([, value]) => value))
    t.same([named(stable), named(canary)], [
      'stable' in versionFilters ? ['stable'] : [], 'canary' in versionFilters ? ['canary'] : []
    ])
  }
})
