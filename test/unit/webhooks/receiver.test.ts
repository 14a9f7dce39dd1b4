/**
 * Posts to servers of all kinds, on real sockets.
 */
import net from 'node:net'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import { Receiver, type PostFault } from '../../../src/webhooks/receiver.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'
import { turns } from '../../helpers/turns.ts'
import { until } from '../../helpers/until.ts'
import { WebhookReceiver } from '../../helpers/webhook-receiver.ts'

const post = (signal = new AbortController().signal, timeoutMs = PATIENCE_MS) => ({ headers: { 'content-type': 'application/json', 'x-weir-event-id': 'a-1' }, body: '{"é":1}', timeoutMs, signal })

/** A server that says this to whatever comes. @returns its port, and how many connections it has had */
async function speaks (t: Test, answer: (socket: net.Socket, count: number) => void, secure?: tls.TlsOptions): Promise<{ readonly port: number, readonly count: () => number, readonly open: () => number }> {
  const sockets = new Set<net.Socket>()
  let count = 0
  const accept = (socket: net.Socket): void => {
    sockets.add(socket)
    const index = count++
    socket.on('error', () => {})
    socket.once('close', () => { sockets.delete(socket) })
    socket.on('data', () => { answer(socket, index) })
  }
  const server = secure === undefined ? net.createServer(accept) : tls.createServer(secure, accept)
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, count: () => count, open: () => sockets.size }
}

function receiverAt (t: Test, url: string | number, clock = systemClock): Receiver {
  const receiver = new Receiver(typeof url === 'string' ? url : `http://127.0.0.1:${url}/`, clock)
  t.teardown(() => { receiver.close() })
  return receiver
}

t.test('a post is what it is to be, over one connection that is kept', async t => {
  const server = await WebhookReceiver.start(t)
  const receiver = receiverAt(t, `${server.url}?team=a%20b&x`)
  for (let round = 0; round < 3; round++) t.equal(await receiver.post(post()), undefined)
  t.equal(server.connections, 1)
  t.match(server.posts[2], { method: 'POST', path: '/hook?team=a%20b&x', body: '{"é":1}' })
  t.match(server.posts[2]?.headers, { 'content-type': 'application/json', 'x-weir-event-id': 'a-1', 'content-length': '8', host: `127.0.0.1:${server.port}` })
})

t.test('what an answer means', async t => {
  const cases: ReadonlyArray<readonly [status: number, fault: Partial<PostFault> | undefined]> = [
    [200, undefined], [204, undefined], [299, undefined],
    [301, { again: false, reason: 'answers 301, and redirects are not followed: write the final address into `url`' }], [308, { again: false }], [304, { again: false }],
    [400, { again: false, reason: 'answers 400' }], [401, { again: false, reason: 'answers 401: does it know the secret?' }], [404, { again: false, kind: 'status 404' }],
    [410, { again: false }], [422, { again: false }],
    [408, { again: true }], [425, { again: true }], [429, { again: true }], [500, { again: true }], [501, { again: true }], [503, { again: true, reason: 'answers 503' }], [599, { again: true }]
  ]
  const server = await WebhookReceiver.start(t, (response, index) => { response.writeHead(cases[index]?.[0] ?? 0, { location: '/elsewhere' }).end('no') })
  const receiver = receiverAt(t, server.url)
  for (const [status, meant] of cases) {
    const fault = await receiver.post(post())
    if (meant === undefined) t.equal(fault, undefined, String(status))
    else t.match(fault, meant, String(status))
  }
  t.equal(server.posts.length, cases.length, 'no redirect was followed')
})

t.test('Retry-After is seconds or a date, and anything else is nothing', async t => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  const cases: ReadonlyArray<readonly [field: string, afterMs: number | undefined]> = [
    ['7', 7_000], ['0', 0], ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000], ['Wed, 31 Dec 2025 00:00:00 GMT', 0], ['-1', undefined], ['1.5', undefined], ['soon', undefined], ['9'.repeat(20), undefined]
  ]
  const server = await WebhookReceiver.start(t, (response, index) => { response.writeHead(503, { 'retry-after': cases[index]?.[0] ?? '' }).end() })
  const receiver = receiverAt(t, server.url, clock)
  for (const [field, afterMs] of cases) t.equal((await receiver.post(post()))?.afterMs, afterMs, field)
})

t.test('nobody there, a reset, an early end, no HTTP, an endless header', async t => {
  t.match(await receiverAt(t, await closedPort()).post(post()), { kind: 'refused', again: true })
  const cases: Readonly<Record<string, readonly [kind: string, answer: (socket: net.Socket) => void]>> = {
    reset: ['connection', socket => { socket.resetAndDestroy() }],
    end: ['connection', socket => { socket.end() }],
    'half a header': ['connection', socket => { socket.end('HTTP/1.1 200 OK\r\nContent-') }],
    'no HTTP': ['odd', socket => { socket.end('SSH-2.0-OpenSSH\r\n') }],
    'an endless header': ['odd', socket => { socket.write(`HTTP/1.1 200 OK\r\n${'X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(1_000)}`) }]
  }
  for (const [name, [kind, answer]] of Object.entries(cases)) {
    const server = await speaks(t, answer)
    t.match(await receiverAt(t, server.port).post(post()), { kind, again: true }, name)
    t.equal(server.count(), 1, `${name}: one connection, and no second try by itself`)
    await until(() => server.open() === 0)
  }
})

t.test('an answer is a yes from its header on: how long or slow the rest is does not matter, and neither is kept', async t => {
  const huge = await speaks(t, socket => { socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n${'x'.repeat(100_000)}`) })
  const receiver = receiverAt(t, huge.port)
  t.equal(await receiver.post(post()), undefined)
  await until(() => huge.open() === 0)
  t.equal(await receiver.post(post()), undefined)
  t.equal(huge.count(), 2)

  const clock = new FakeClock()
  const slow = await speaks(t, socket => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx') })
  const posted = receiverAt(t, slow.port, clock).post(post())
  let over = false
  void posted.then(() => { over = true })
  await until(() => slow.count() === 1)
  await until(() => {
    if (!over) clock.advance(100)
    return over
  })
  t.ok(clock.nowMs() <= PATIENCE_MS / 2, 'long before the timeout')
  t.equal(await posted, undefined)
  await until(() => slow.open() === 0)
})

t.test('a server that says nothing, and one that accepts nothing, take no longer than they may', async t => {
  const clock = new FakeClock()
  const mute = await speaks(t, () => {})
  const receiver = receiverAt(t, mute.port, clock)
  const posted = receiver.post(post(undefined, 10_000))
  await until(() => mute.count() === 1)
  await turns()
  clock.advance(9_999)
  await turns(5)
  clock.advance(1)
  t.match(await posted, { kind: 'timeout', again: true, reason: 'gives no answer within 10000 ms' })
  await until(() => mute.open() === 0)
  t.equal(clock.pending, 0)
})

t.test('interim answers are no answers, however many', async t => {
  const clock = new FakeClock()
  const server = await speaks(t, socket => { socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50)) })
  const posted = receiverAt(t, server.port, clock).post(post(undefined, 5_000))
  await until(() => server.count() === 1)
  await turns()
  clock.advance(5_000)
  t.match(await posted, { again: true })
})

t.test('nobody waits for it any more: before it has begun, and under way', async t => {
  const server = await WebhookReceiver.start(t, () => {})
  const receiver = receiverAt(t, server.url)
  t.match(await receiver.post(post(AbortSignal.abort())), { kind: 'stopped' })
  const gone = new AbortController()
  const posted = receiver.post(post(gone.signal))
  await server.untilPosts(1)
  gone.abort()
  t.match(await posted, { kind: 'stopped' })
})

t.test('a kept connection that the server has ended is no failure', async t => {
  const server = await speaks(t, (socket, index) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    // The second request on it, the first of all others included, meets a reset.
    if (index === 0) socket.removeAllListeners('data').on('data', () => { socket.resetAndDestroy() })
  })
  const receiver = receiverAt(t, server.port)
  t.equal(await receiver.post(post()), undefined)
  t.equal(await receiver.post(post()), undefined)
  t.equal(server.count(), 2)
})

t.test('a certificate has to be one that is believed, and has to name the host', async t => {
  const pem = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')
  const server = await speaks(t, socket => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') }, { cert: pem('upstream-addressed'), key: pem('upstream-key') })
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  const fault = await receiverAt(t, `https://127.0.0.1:${server.port}/`).post(post())
  t.match(fault, { kind: 'certificate', again: true, reason: /^has a certificate that is not believed: .*NODE_EXTRA_CA_CERTS/ })

  const plain = await speaks(t, socket => { socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n') })
  t.match(await receiverAt(t, `https://127.0.0.1:${plain.port}/`).post(post()), { kind: 'connection', again: true }, 'https to a port that speaks http')
})
