/** Case 51, the handshake: what of an upgrade goes on to the origin, and which 101 switches. */
import { proxyTest } from '../helpers/data-plane.ts'
import { askAfter, echoTarget, targetOf } from '../helpers/observe-request.ts'
import { acceptUpgrade, switching, untilTunnelled, WEBSOCKET } from '../helpers/open-tunnel.ts'
import { ownLines } from '../helpers/own-lines.ts'
import { get, post } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../helpers/raw-origin.ts'

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
const OTHERS = 'sec-websocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Protocol: third\r\nOrigin: http://example.test\r\n'

/** Switches for /tunnel, and echoes the target of everything else. */
const switchOrEcho: OriginHandler = (request, connection) => {
  if (targetOf(request) === '/tunnel') acceptUpgrade(connection)
  else echoTarget(request, connection)
}

proxyTest('case 51: the fields of a handshake go both ways as they are', async (t, bench) => {
  const answer = 'Upgrade: WebSocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
  const origin = await bench.origin((_, connection) => { acceptUpgrade(connection, switching(answer)) })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/chat?room=1', WEBSOCKET + OTHERS))
  const response = await client.next()
  t.equal(response.startLine, 'HTTP/1.1 101 Switching Protocols')
  t.same(response.fields, [
    ['Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='], ['sec-websocket-protocol', 'chat'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'],
    ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'], ['Connection', 'Upgrade'], ['Upgrade', 'WebSocket']
  ])
  const [request] = origin.requests
  t.equal(request?.startLine, 'GET /chat?room=1 HTTP/1.1')
  t.same(ownLines(request), ['Host: example.test', KEY, 'Sec-WebSocket-Version: 13', ...OTHERS.trim().split('\r\n'), 'Upgrade: websocket', 'Connection: Upgrade'])
  t.equal(valuesOf(request ?? { fields: [] }, 'via').length, 1)
})

for (const [what, fields, offered] of [
  ['in other letters', 'CONNECTION: UPGRADE\r\nUPGRADE: WebSocket\r\n', 'WebSocket'],
  ['with keep-alive', 'Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n', 'websocket'],
  ['with close', 'Connection: close, Upgrade\r\nUpgrade: websocket\r\n', 'websocket'],
  ['with two lines of Connection', 'Connection: keep-alive\r\nX: y\r\nConnection: ,upgrade,\r\nUpgrade: websocket\r\n', 'websocket'],
  ['with the lines the other way round', 'Upgrade: websocket\r\nConnection: Upgrade\r\n', 'websocket'],
  ['with empty members and tabs', 'Connection: Upgrade\r\nUpgrade: ,\t websocket \t,,\r\n', 'websocket'],
  ['behind one that is not allowed', 'Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n', 'websocket'],
  ['before one that is not allowed, in another line', 'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: TLS/1.0, IRC/6.9\r\n', 'websocket'],
  ['twice', 'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: WEBSOCKET\r\n', 'websocket'],
  ['with two that are allowed', 'Connection: Upgrade\r\nUpgrade: Foo/2, websocket\r\n', 'Foo/2, websocket'],
  ['with Content-Length: 0', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n', 'websocket'],
  ['with TE', 'Connection: Upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n', 'websocket']
] as const) {
  proxyTest(`case 51: an upgrade is found and offered once: ${what}`, async (t, bench) => {
    const origin = await bench.extraOrigin((_, connection) => { acceptUpgrade(connection) })
    bench.route([{ weights: { v1: 1 }, upgrades: ['websocket', 'foo/2'] }])
    bench.endpoints('v1', [origin.port])
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/', fields))
    t.equal(statusOf(await client.next()), 101)
    const [request] = origin.requests
    t.same(ownLines(request).filter(line => !/^(Host|X|Content-Length): /.test(line)), [`Upgrade: ${offered}`, 'Connection: Upgrade'])
    client.send('ping')
    const endpoint = await origin.connection()
    await untilTunnelled(endpoint, 'ping')
  })
}

for (const [what, bytes] of [
  ['not named by Connection', get('/x', WEBSOCKET.replace('Connection: Upgrade\r\n', ''))],
  ['not named by Connection: keep-alive', get('/x', WEBSOCKET.replace('Connection: Upgrade', 'Connection: keep-alive'))],
  ['named, but without a value', get('/x', WEBSOCKET.replace('Upgrade: websocket', 'Upgrade:'))],
  ['named, but not there', get('/x', WEBSOCKET.replace('Upgrade: websocket\r\n', ''))],
  ['in HTTP/1.0', get('/x', WEBSOCKET.replace('Connection: ', 'Connection: keep-alive, ')).replace('HTTP/1.1', 'HTTP/1.0')],
  ['with white space of another kind', get('/x', WEBSOCKET.replace('websocket', 'websocket\xa0'))],
  ['in a longer word', get('/x', WEBSOCKET.replace('websocket', 'websockets'))],
  ['in two words', get('/x', WEBSOCKET.replace('websocket', 'foo websocket'))],
  ['with a parameter', get('/x', WEBSOCKET.replace('websocket', 'websocket;q=1'))],
  ['with a body', post('/x', 'hello', WEBSOCKET)],
  ['with a body in chunks', `POST /x HTTP/1.1\r\nHost: h\r\n${WEBSOCKET}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
  ['with an empty body in chunks', `POST /x HTTP/1.1\r\nHost: h\r\n${WEBSOCKET}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`]
] as const) {
  proxyTest(`case 51: an upgrade that is none is left out, and the request is plain HTTP: ${what}`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    client.expect('GET', 'GET')
    client.send(`${bytes}${get('/next')}`)
    t.equal((await client.answer()).body.toString(), '/x')
    t.equal((await client.answer()).body.toString(), '/next')
    const [request] = origin.requests
    t.same(['upgrade', 'connection'].flatMap(name => valuesOf(request ?? { fields: [] }, name)), [])
    t.ok(ownLines(request).includes(KEY), 'its other fields stay')
    t.equal(request?.body.toString(), bytes.includes('hello') ? 'hello' : '')
    t.equal(bench.version().tunnelsTotal, 0)
  })

  proxyTest(`case 51: a 101 to an upgrade that is none is a 502: ${what}`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(switching()) })
    const client = await bench.client()
    client.expect('GET')
    client.send(bytes)
    t.equal(statusOf(await client.answer()), 502)
    await (await origin.connection()).untilEnded()
    t.same([bench.errors('upstream_malformed'), bench.version().tunnelsTotal], [1, 0])
  })
}

proxyTest('case 51: a request whose upgrade is not allowed keeps its TE', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  await client.ask(get('/', 'Connection: Upgrade, TE\r\nUpgrade: foo\r\nTE: gzip, trailers\r\n'))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', 'TE: trailers', 'Connection: TE'])
})

for (const [what, answer] of [
  ['not offered', switching('Upgrade: foo\r\n')],
  ['named with one that was not offered', switching('Upgrade: websocket, foo\r\n')],
  ['named twice', switching('Upgrade: websocket\r\nUpgrade: websocket\r\n')],
  ['with white space of another kind', switching('Upgrade: websocket\xa0\r\n')],
  ['without Upgrade', switching('')],
  ['with an empty Upgrade', switching('Upgrade:\r\n')],
  ['without Connection', switching().replace('Connection: Upgrade\r\n', '')],
  ['with another Connection', switching().replace('Connection: Upgrade', 'Connection: close')],
  ['with a length', switching('Upgrade: websocket\r\nContent-Length: 5\r\n')],
  ['with a bad length', switching('Upgrade: websocket\r\nContent-Length: 0x0\r\n')],
  ['with chunks', switching('Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n')],
  ['in HTTP/1.0', switching().replace('HTTP/1.1', 'HTTP/1.0')]
] as const) {
  for (const glued of ['', 'GET /evil HTTP/1.1\r\n\r\n']) {
    proxyTest(`case 51: a 101 that does not fit is a 502, and no bytes go either way: ${what}${glued === '' ? '' : ', with bytes behind it'}`, async (t, bench) => {
      const origin = await bench.extraOrigin((request, connection) => {
        if (targetOf(request) === '/tunnel') connection.send(`${answer}${glued}`)
        else echoTarget(request, connection)
      })
      bench.route([{ weights: { v1: 1 } }])
      bench.endpoints('v1', [origin.port])
      const client = await bench.client()
      client.expect('GET', 'GET')
      client.send(`${get('/tunnel', WEBSOCKET)}${get('/mine')}`)
      t.equal(statusOf(await client.answer()), 502)
      t.equal((await client.answer()).body.toString(), '/mine')
      await (await origin.connection()).untilEnded()
      t.equal(await askAfter(bench), 'its own answer')
      t.same([bench.errors('upstream_malformed'), bench.version().tunnelsTotal, bench.version().tunnels], [1, 0, 0])
      t.same([client.fault, origin.faults], [undefined, []])
    })
  }
}

proxyTest('case 51: an empty length in a 101 is left out', async (t, bench) => {
  await bench.origin((_, connection) => { acceptUpgrade(connection, switching('Upgrade: websocket\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\n')) })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', WEBSOCKET))
  t.same((await client.next()).fields, [['Connection', 'Upgrade'], ['Upgrade', 'websocket']])
})

proxyTest('case 51: a 101 without a reason, with other letters and with more in its Connection switches', async (t, bench) => {
  await bench.origin((_, connection) => { acceptUpgrade(connection, 'HTTP/1.1 101\r\nconnection: keep-alive, uPGRADE\r\nupgrade: WEBsocket\r\n\r\nhello') })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', WEBSOCKET))
  const answer = await client.next()
  t.same([answer.startLine, answer.fields], ['HTTP/1.1 101 ', [['Connection', 'Upgrade'], ['Upgrade', 'WEBsocket']]])
  await untilTunnelled(client, 'hello')
})

proxyTest('case 51: interim responses before a 101 are passed on, in order', async (t, bench) => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
  await bench.origin((_, connection) => { acceptUpgrade(connection, `${interim}${switching()}hello`) })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', WEBSOCKET))
  for (const status of [100, 103, 101]) t.equal(statusOf(await client.next()), status)
  await untilTunnelled(client, 'hello')
})

proxyTest('case 51: a 101 that comes byte by byte switches, with the bytes behind it', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  await client.sendPieces(get('/', WEBSOCKET))
  const endpoint = await origin.connection()
  await endpoint.next()
  endpoint.reader.switchProtocol()
  await endpoint.sendPieces(`HTTP/1.1 103 Early Hints\r\n\r\n${switching()}hello`)
  for (const status of [103, 101]) t.equal(statusOf(await client.next()), status)
  await untilTunnelled(client, 'hello')
})

for (const length of [8_000, 8_192, 9_000, 100_000]) {
  proxyTest(`case 51: ${length} bytes glued to the 101 keep their order`, async (t, bench) => {
    const glued = Array.from({ length: length / 8 }, (_, index) => String(index).padStart(8, '.')).join('')
    const head = switching()
    // The first read into the connection's own buffer may be filled by the head and bytes behind it, exactly or with more to come.
    await bench.origin((_, connection) => { acceptUpgrade(connection, head + glued.slice(0, length - head.length)) })
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/', WEBSOCKET))
    t.equal(statusOf(await client.next()), 101)
    await untilTunnelled(client, glued.slice(0, length - head.length))
  })

  proxyTest(`case 51: ${length} bytes glued to the request reach the origin behind the 101 only, in order`, async (t, bench) => {
    const glued = Array.from({ length: length / 8 }, (_, index) => String(index).padStart(8, '.')).join('')
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('GET')
    client.send(`${get('/', WEBSOCKET)}${glued}`)
    const endpoint = await origin.connection()
    await endpoint.next()
    const handshakeBytes = endpoint.bytesReceived
    await client.sendPieces(['and ', 'more'])
    await bench.until('the client to be read', () => client.socket.writableLength === 0)
    t.equal(endpoint.bytesReceived, handshakeBytes)
    acceptUpgrade(endpoint)
    await untilTunnelled(endpoint, `${glued}and more`)
  })
}

proxyTest('case 51: requests before an upgrade are answered first, and share their connections with it', async (t, bench) => {
  const origin = await bench.origin(switchOrEcho)
  const client = await bench.client()
  client.expect('GET', 'POST', 'GET')
  client.send(`${get('/a')}${post('/b', 'body')}${get('/tunnel', WEBSOCKET)}hello`)
  for (const target of ['/a', '/b']) t.equal((await client.answer()).body.toString(), target)
  t.equal(statusOf(await client.next()), 101)
  await untilTunnelled(await origin.connection(), 'hello')
  t.same([origin.connections.length, bench.version().upstreamReuses], [1, 2])
})

for (const [what, answer, closes] of [
  ['403', ok('no').replace('200 OK', '403 Forbidden'), false], ['200', ok('no'), false], ['503', ok('no', 'Retry-After: 1\r\n').replace('200 OK', '503 Busy'), false],
  ['426 with Upgrade', ok('no', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n').replace('200 OK', '426 Upgrade Required'), false],
  ['400 in chunks', 'HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n', false],
  ['401 until close', 'HTTP/1.1 401 No\r\nConnection: close\r\n\r\nno', true]
] as const) {
  proxyTest(`case 51: after ${what} the connection goes on with HTTP, and what was sent ahead is a request`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      if (targetOf(request) !== '/tunnel') return echoTarget(request, connection)
      connection.send(answer)
      if (closes) connection.end()
    })
    const client = await bench.client()
    client.expect('GET', 'GET', 'GET')
    client.send(`${get('/tunnel', WEBSOCKET)}${get('/ahead')}`)
    const refusal = await client.answer()
    const upgrade = what.startsWith('426') ? [['websocket'], ['Upgrade']] : [[], []]
    t.same(
      [statusOf(refusal), refusal.body.toString(), valuesOf(refusal, 'upgrade'), valuesOf(refusal, 'connection')],
      [Number(/\d{3}/.exec(what)?.[0]), 'no', ...upgrade]
    )
    t.equal((await client.answer()).body.toString(), '/ahead')
    t.equal((await client.ask(get('/later'))).body.toString(), '/later')
    t.equal(origin.connections.length, closes ? 2 : 1)
    t.equal(bench.version().tunnelsTotal, 0)
  })
}

proxyTest('case 51: an endpoint that closes instead of an answer to an upgrade is a 502, and what was sent ahead is a request', async (t, bench) => {
  await bench.origin((request, connection) => {
    if (targetOf(request) === '/tunnel') connection.end()
    else echoTarget(request, connection)
  })
  const client = await bench.client()
  client.expect('GET', 'GET')
  client.send(`${get('/tunnel', WEBSOCKET)}${get('/ahead')}`)
  t.equal(statusOf(await client.answer()), 502)
  t.equal((await client.answer()).body.toString(), '/ahead')
})

proxyTest('case 51: an upgrade on a kept-alive connection that the endpoint has closed is repeated on a new one', async (t, bench) => {
  const origin = await bench.origin((request, connection) => {
    if (targetOf(request) === '/first') connection.send(ok())
    else if (connection === origin.connections[0]) connection.reset()
    else acceptUpgrade(connection)
  })
  const client = await bench.client()
  await client.ask(get('/first'))
  client.expect('GET')
  client.send(`${get('/tunnel', WEBSOCKET)}hello`)
  t.equal(statusOf(await client.next()), 101)
  await untilTunnelled(await origin.connection(1), 'hello')
  t.same(ownLines(origin.connections[1]?.reader.messages[0]).slice(-2), ['Upgrade: websocket', 'Connection: Upgrade'])
})

proxyTest('case 51: what comes after a 101 to a HEAD is the other protocol\'s', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { acceptUpgrade(connection, `${switching()}hello`) })
  const client = await bench.client()
  client.expect('HEAD')
  client.send(get('/', WEBSOCKET).replace('GET', 'HEAD'))
  t.equal(statusOf(await client.next()), 101)
  await untilTunnelled(client, 'hello')
  t.equal(origin.requests.length, 1)
})
