/** WebSocket as it is spoken: the client and the server of the `ws` package with a tunnel between them. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { WebSocket, type ServerOptions } from 'ws'
import { proxyTest, type BenchOptions, type ProxyBench } from '../../helpers/data-plane.ts'
import { tlsMaterial } from '../../helpers/listener-certificates.ts'
import { untilTunnelsClosed } from '../../helpers/open-tunnel.ts'
import { untilStalled } from '../../helpers/pump.ts'
import { secureRoute } from '../../helpers/secure-origin.ts'
import { NAMED, originTls } from '../../helpers/upstream-certificates.ts'
import { echo, WebSocketClient, webSocketOrigin, type WebSocketOrigin } from '../../helpers/websocket-origin.ts'

const MIB = 1_048_576

/** An origin behind the route of the bench. */
async function behind (t: Test, bench: ProxyBench, options: ServerOptions = {}, onConnection: (socket: WebSocket) => void = echo): Promise<WebSocketOrigin> {
  const origin = await webSocketOrigin(t, options, onConnection)
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  return origin
}

type Open = (protocols?: string[], path?: string) => Promise<WebSocketClient>
const SECURE = { tls: tlsMaterial() }

/** A test whose clients are gone before it looks at what is left. */
function socketTest (name: string, run: (t: Test, bench: ProxyBench, open: Open) => Promise<void>, options: BenchOptions = {}): void {
  proxyTest(name, async (t, bench) => {
    const clients: WebSocketClient[] = []
    try {
      await run(t, bench, async (protocols = [], path = '/') => {
        const url = `${options.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${bench.port}${path}`
        const client = await WebSocketClient.open(url, protocols, { rejectUnauthorized: false })
        clients.push(client)
        return client
      })
    } finally {
      for (const { socket } of clients) socket.terminate()
    }
  }, options)
}

socketTest('text and binary messages of all sizes come back as they were sent', async (t, bench, open) => {
  await behind(t, bench)
  const client = await open()
  const messages = ['', 'hello', 'x\u00e4\u20ac\u{1f600}', '7'.repeat(125), '7'.repeat(126), '7'.repeat(65_535), '7'.repeat(65_536), Buffer.alloc(0), randomBytes(1), randomBytes(8_185), randomBytes(200_000)]
  for (const message of messages) client.socket.send(message)
  for (const [index, message] of messages.entries()) t.ok((await client.message(index)).equals(Buffer.from(message)), `message ${index}`)
  t.same(client.messages.map(({ isBinary }) => isBinary), messages.map(message => typeof message !== 'string'))
})

for (const compressed of [false, true]) {
  socketTest(`messages of 16 MiB go both ways at once${compressed ? ', with permessage-deflate' : ''}`, async (t, bench, open) => {
    const message = randomBytes(16 * MIB)
    const origin = await behind(t, bench, { perMessageDeflate: compressed }, socket => {
      socket.send(message)
      socket.on('message', data => { socket.send(Buffer.isBuffer(data) && data.equals(message) ? 'whole' : 'not whole') })
    })
    const client = await open()
    t.equal(client.socket.extensions, compressed ? 'permessage-deflate' : '')
    client.socket.send(message)
    t.ok((await client.message(0)).equals(message))
    t.equal((await client.message(1)).toString(), 'whole')
    t.equal(origin.server.clients.size, 1)
  })
}

socketTest('a message in fragments, with a ping among them, is one message', async (t, bench, open) => {
  await behind(t, bench)
  const client = await open()
  let pongs = 0
  client.socket.on('pong', () => { pongs++ })
  for (let part = 0; part < 50; part++) {
    client.socket.send(`<${part}>`.repeat(part), { fin: part === 49 })
    if (part === 20) client.socket.ping('among them')
  }
  t.equal((await client.message(0)).toString(), Array.from({ length: 50 }, (_, part) => `<${part}>`.repeat(part)).join(''))
  t.equal(pongs, 1)
})

socketTest('pings and pongs go both ways with their data', async (t, bench, open) => {
  const heard: string[] = []
  await behind(t, bench, {}, socket => {
    socket.on('pong', data => { heard.push(`origin: ${data.toString()}`) })
    socket.ping('from the origin')
    echo(socket)
  })
  const client = await open()
  client.socket.on('pong', data => { heard.push(`client: ${data.toString()}`) })
  client.socket.ping('from the client')
  client.socket.send('done')
  await client.message(0)
  t.same(heard.sort(), ['client: from the client', 'origin: from the origin'])
})

socketTest('a subprotocol is agreed on, and the path and fields of the handshake arrive', async (t, bench, open) => {
  let seen = ''
  const origin = await behind(t, bench, { handleProtocols: protocols => protocols.has('second') ? 'second' : false })
  origin.server.on('connection', (_, request) => { seen = `${request.url} ${request.headers['sec-websocket-protocol']} ${request.headers['x-forwarded-for']}` })
  const client = await open(['first', 'second'], '/room?of=3')
  t.same([client.socket.protocol, seen], ['second', '/room?of=3 first,second 127.0.0.1'])
})

for (const [code, reason] of [[1000, ''], [1000, 'done'], [1001, 'going away'], [1011, 'broken'], [3000, 'x'.repeat(123)], [4999, 'own']] as const) {
  socketTest(`the close code ${code} ${JSON.stringify(reason.slice(0, 10))} goes both ways`, async (t, bench, open) => {
    const closes: unknown[] = []
    await behind(t, bench, {}, socket => {
      socket.on('message', () => { socket.close(code, reason) })
      socket.on('close', (code, reason) => { closes.push([code, reason.toString()]) })
    })
    const first = await open()
    first.socket.close(code, reason)
    t.same(await first.closing(), { code, reason })
    const second = await open()
    second.socket.send('please close')
    t.same(await second.closing(), { code, reason })
    await untilTunnelsClosed(bench)
    await bench.until('both closes', () => closes.length === 2)
    t.same(closes, [[code, reason], [code, reason]])
    t.same([bench.version().requestsByClass[0], bench.version().errors.reduce((sum, count) => sum + count, 0)], [2, 0])
  })
}

socketTest('a connection that breaks off at one end is a 1006 at the other', async (t, bench, open) => {
  const closes: number[] = []
  await behind(t, bench, {}, socket => {
    socket.on('message', () => { socket.terminate() })
    socket.on('close', code => { closes.push(code) })
  })
  const first = await open()
  first.socket.terminate()
  await bench.until('the close at the origin', () => closes.length === 1)
  t.same(closes, [1006])
  const second = await open()
  second.socket.send('please break off')
  t.match(await second.closing(), { code: 1006 })
  await untilTunnelsClosed(bench)
})

socketTest('a handshake that the origin refuses is a plain answer', async (t, bench) => {
  await behind(t, bench, { verifyClient: (_info, answer) => { answer(false, 401, 'Unauthorized') } })
  const socket = new WebSocket(`ws://127.0.0.1:${bench.port}/`)
  t.equal(await new Promise(resolve => { socket.on('unexpected-response', (_, response) => { resolve(response.statusCode) }) }), 401)
  socket.on('error', () => {})
  socket.terminate()
  t.same([bench.version().tunnelsTotal, bench.version().requestsByClass[3]], [0, 1])
})

for (const stalled of ['client', 'origin'] as const) {
  socketTest(`case 39: a stalled ${stalled} holds up a sender of messages before 48 MiB are on the way, and nobody else`, async (t, bench, open) => {
    const far: WebSocket[] = []
    await behind(t, bench, { perMessageDeflate: false }, socket => {
      far.push(socket)
      echo(socket)
    })
    const client = await open()
    const [socket] = far
    if (socket === undefined) throw new Error('no connection')
    const [reader, writer] = stalled === 'client' ? [client.socket, socket] : [socket, client.socket]
    socket.removeAllListeners('message')
    let received = 0
    reader.on('message', data => { received += Buffer.isBuffer(data) ? data.length : 0 })
    reader.pause()
    const piece = randomBytes(MIB)
    for (let sent = 0; sent < 96; sent++) writer.send(piece)
    await untilStalled(() => writer.bufferedAmount)
    t.ok(writer.bufferedAmount > 48 * MIB, `${96 * MIB - writer.bufferedAmount} bytes were taken`)
    const other = await open()
    other.socket.send('not held up')
    t.equal((await other.message(0)).toString(), 'not held up')
    reader.resume()
    await bench.until('all of it', () => received === 96 * MIB)
  })
}

socketTest('with TLS on both sides messages of 16 MiB go both ways at once, and close codes too', async (t, bench, open) => {
  const message = randomBytes(16 * MIB)
  const closes: number[] = []
  const origin = await webSocketOrigin(t, { perMessageDeflate: false, secure: originTls('named') }, socket => {
    socket.on('close', code => { closes.push(code) })
    socket.send(message)
    echo(socket)
  })
  await secureRoute(bench, NAMED, origin.port)
  const client = await open()
  client.socket.send(message)
  for (const index of [0, 1]) t.ok((await client.message(index)).equals(message))
  client.socket.close(4321, 'done')
  t.same(await client.closing(), { code: 4321, reason: 'done' })
  await untilTunnelsClosed(bench)
  // Behind its close frame a peer may drop the connection without the close_notify of TLS.
  await bench.until('the close at the origin', () => closes.length > 0)
  t.same(closes, [4321])
}, SECURE)

socketTest('what is broadcast to many arrives at each in order', async (t, bench, open) => {
  const origin = await behind(t, bench)
  const clients = await Promise.all(Array.from({ length: 40 }, async () => await open()))
  for (let number = 0; number < 200; number++) for (const socket of origin.server.clients) socket.send(`${number}`.padEnd(number * 10))
  await Promise.all(clients.map(async client => { await client.message(199) }))
  t.ok(clients.every(({ messages }) => messages.every(({ data }, index) => Number(data.toString()) === index)))
})

socketTest('a thousand at once: each gets its own echo, and nothing is left of them', async (t, bench, open) => {
  await behind(t, bench, { perMessageDeflate: false })
  const clients: WebSocketClient[] = []
  while (clients.length < 1_000) clients.push(...await Promise.all(Array.from({ length: 100 }, async () => await open())))
  t.match(bench.version(), { tunnels: 1_000, tunnelsTotal: 1_000, inFlight: 1_000 })
  t.equal(bench.plane.inFlight, 0)
  for (const round of [0, 1, 2]) {
    for (const [index, { socket }] of clients.entries()) socket.send(`client ${index} round ${round} ${'.'.repeat((index * 37) % 9_000)}`)
    await Promise.all(clients.map(async client => { await client.message(round) }))
  }
  t.same(clients.filter(({ messages }, index) => messages.some(({ data }, round) => data.toString() !== `client ${index} round ${round} ${'.'.repeat((index * 37) % 9_000)}`)), [])
  for (const [index, { socket }] of clients.entries()) {
    if (index % 3 === 0) socket.terminate()
    else socket.close(1000)
  }
  await untilTunnelsClosed(bench)
  t.match(bench.version(), { tunnels: 0, tunnelsTotal: 1_000, inFlight: 0, requestsByClass: [1_000, 0, 0, 0, 0] })
})

socketTest('tunnels are counted for the version that they were opened to, whatever the split is later', async (t, bench, open) => {
  const versions = { stable: await webSocketOrigin(t), canary: await webSocketOrigin(t) }
  bench.route([{ weights: { stable: 1, canary: 0 } }])
  for (const [version, { port }] of Object.entries(versions)) bench.endpoints(version, [port])
  const first = await Promise.all([open(), open(), open()])
  bench.split({ stable: 0, canary: 1 })
  const second = await Promise.all([open(), open(), open(), open(), open()])
  t.same([bench.version('stable').tunnels, bench.version('canary').tunnels], [3, 5])
  t.same([versions.stable.server.clients.size, versions.canary.server.clients.size], [3, 5])
  first[0].socket.send('still there')
  t.equal((await first[0].message(0)).toString(), 'still there')
  for (const { socket } of [...first.slice(1), ...second.slice(2)]) socket.close()
  await bench.until('some to close', () => bench.version('stable').tunnels + bench.version('canary').tunnels === 3)
  t.same([bench.version('stable').tunnels, bench.version('canary').tunnels], [1, 2])
  t.same([bench.version('stable').tunnelsTotal, bench.version('canary').tunnelsTotal], [3, 5])
  for (const { socket } of [...first, ...second]) socket.close()
  await bench.until('all to close', () => bench.version('stable').tunnels + bench.version('canary').tunnels === 0)
})
