/** Upgrades that no route allows: what of case 51 is plain HTTP. */
import { proxyTest } from '../helpers/data-plane.ts'
import { askAfter, echoTarget } from '../helpers/observe-request.ts'
import { ownLines } from '../helpers/own-lines.ts'
import { get, post } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
const WEBSOCKET = 'Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'

for (const [what, fields] of [
  ['h2c', H2C], ['H2C in capitals', H2C.replace('h2c', 'H2C')], ['h2c without being nominated', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'], ['h2c behind another', H2C.replace('h2c', 'foo, h2c')],
  ['h2c in a second line', H2C.replace('Upgrade: h2c', 'Upgrade: foo\r\nupgrade: h2c')], ['h2', H2C.replace('h2c', 'h2')], ['TLS', 'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n'], ['HTTP/2.0', 'Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n'], ['h2c in HTTP/1.0', H2C]
] as const) {
  proxyTest(`case 51: an upgrade to ${what} is not forwarded, and the request is served as it is`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    const version = what.endsWith('1.0') ? 'HTTP/1.0' : 'HTTP/1.1'
    const answer = await client.ask(get('/x', `${fields}X-Kept: 1\r\n`).replace('HTTP/1.1', version))
    t.equal(answer.body.toString(), '/x')
    t.same(ownLines(origin.requests[0]), ['Host: example.test', 'X-Kept: 1'])
  })
}

proxyTest('case 51: the HTTP/2 preface behind an upgrade to h2c is a request of its own, and refused', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  client.expect('GET', 'GET')
  client.send(`${get('/x', H2C)}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0${get('/hidden')}`)
  t.equal(statusOf(await client.answer()), 200)
  t.equal(statusOf(await client.answer()), 505)
  await client.untilEnded()
  t.equal(origin.requests.length, 1)
})

for (const [what, upgrades] of [['allows none', []], ['allows another', ['foo']]] as const) {
  proxyTest(`case 51: a handshake to a route that ${what} is plain HTTP, and what follows is HTTP`, async (t, bench) => {
    const origin = await bench.extraOrigin(echoTarget)
    bench.route([{ weights: { v1: 1 }, upgrades: [...upgrades] }])
    bench.endpoints('v1', [origin.port])
    const client = await bench.client()
    client.expect('GET', 'POST', 'GET')
    client.send(`${get('/ws', WEBSOCKET)}${post('/b', 'hi')}${get('/c')}`)
    for (const target of ['/ws', '/b', '/c']) t.equal((await client.answer()).body.toString(), target)
    const [request] = origin.requests
    t.same(['upgrade', 'connection'].flatMap(name => valuesOf(request ?? { fields: [] }, name)), [])
    t.equal(origin.connections.length, 1)
  })

  proxyTest(`case 51: a 101 from behind a route that ${what} is a 502, and no bytes go either way`, async (t, bench) => {
    const origin = await bench.extraOrigin((request, connection) => {
      if (request.startLine.includes('/ws')) connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nevil')
      else echoTarget(request, connection)
    })
    bench.route([{ weights: { v1: 1 }, upgrades: [...upgrades] }])
    bench.endpoints('v1', [origin.port])
    const client = await bench.client()
    client.expect('GET', 'GET')
    client.send(`${get('/ws', WEBSOCKET)}${get('/mine')}`)
    t.equal(statusOf(await client.answer()), 502)
    t.equal((await client.answer()).body.toString(), '/mine')
    await (await origin.connection()).untilEnded()
    t.equal(await askAfter(bench), 'its own answer')
  })
}

// RFC 9110 section 15.5.22: a 426 has to name the protocols that would do.
for (const [what, head, kept] of [
  ['a 426', '426 Upgrade Required', true],
  ['a 403', '403 Forbidden', false],
  ['a 200', '200 OK', false],
  ['a 400', '400 Bad Request', false]
] as const) {
  proxyTest(`case 51: ${what} with its Upgrade to a handshake is plain HTTP, and the connection goes on`, async (t, bench) => {
    const origin = await bench.extraOrigin((_, connection) => { connection.send(ok('no', 'Upgrade: websocket\r\nConnection: Upgrade\r\n').replace('200 OK', head)) })
    bench.route([{ weights: { v1: 1 }, upgrades: [] }])
    bench.endpoints('v1', [origin.port])
    const client = await bench.client()
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask(get('/ws', WEBSOCKET))
      t.same(
        [answer.startLine, answer.body.toString(), valuesOf(answer, 'upgrade'), valuesOf(answer, 'connection')],
        [`HTTP/1.1 ${head}`, 'no', kept ? ['websocket'] : [], kept ? ['Upgrade'] : []]
      )
    }
    t.same([origin.requests.length, origin.connections.length], [2, 1])
  })
}

for (const [what, request] of [
  ['a length', post('/ws', 'GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n', WEBSOCKET)],
  ['chunks', `POST /ws HTTP/1.1\r\nHost: h\r\n${H2C}Transfer-Encoding: chunked\r\n\r\n21\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n\r\n0\r\n\r\n`]
] as const) {
  proxyTest(`case 51: the body of a request that wants an upgrade, with ${what}, stays a body`, async (t, bench) => {
    const origin = await bench.extraOrigin(echoTarget)
    bench.route([{ weights: { v1: 1 }, upgrades: [] }])
    bench.endpoints('v1', [origin.port])
    const client = await bench.client()
    client.expect('POST', 'GET')
    client.send(`${request}${get('/next')}`)
    t.equal((await client.answer()).body.toString(), '/ws')
    t.equal((await client.answer()).body.toString(), '/next')
    t.match(origin.requests[0]?.body.toString(), /^GET \/hidden/)
  })
}
