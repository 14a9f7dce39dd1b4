/**
 * A replica asks whoever is at an address that a slice names.
 */
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { MAX_PEER_ANSWER_BYTES, PeerClient, type PeerPlace } from '../../../src/replicas/peer-client.ts'
import { ProofGate } from '../../../src/replicas/proof-gate.ts'
import { writeReplicaAnswer, type ReplicaAnswer } from '../../../src/replicas/replica-facts.ts'
import { ReplicaSecret } from '../../../src/replicas/replica-secret.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const SECRET = 'one-secret-of-32-characters-abcd'
const OTHER = 'two-secret-of-32-characters-efgh'
const LOOK = { query: { route: 'hello' }, timeoutMs: PATIENCE_MS, kind: 'look' } as const

const ANSWER: ReplicaAnswer = {
  id: 'one',
  name: 'weir-1',
  version: '0.1.0',
  startedAt: '2026-01-01T00:00:00.000Z',
  ready: true,
  workers: 2,
  routes: new Map([['hello', { epoch: 3, workers: 2, all: 3 }]]),
  route: {
    epoch: 3,
    workers: 2,
    all: 3,
    versions: new Map([['v1', { weight: 1, requests: 7, recent: 5, inFlight: 1, tunnels: 0, held: 0, why: ['1 request is in flight'] }]])
  }
}

async function secretOf (t: Test, content: string): Promise<ReplicaSecret> {
  const file = path.join(await temporaryDirectory(t), 'secret')
  await writeFile(file, content)
  return new ReplicaSecret(file, systemClock, new ListLog())
}

async function clientWith (t: Test, content = SECRET): Promise<PeerClient> {
  const client = new PeerClient({ secret: await secretOf(t, content), clock: systemClock })
  t.teardown(async () => { await client.close() })
  return client
}

async function listen (t: Test, server: net.Server): Promise<PeerPlace> {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => { sockets.delete(socket) })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => { server.close(resolve) })
  })
  return { address: '127.0.0.1', port: (server.address() as net.AddressInfo).port } // listens on TCP
}

/** A peer with a gate; `spoil` changes what it sends. */
async function replica (t: Test, { content = SECRET, body = JSON.stringify(writeReplicaAnswer(ANSWER)), spoil = text => text }: {
  readonly content?: string, readonly body?: string, readonly spoil?: (body: string) => string
} = {}): Promise<PeerPlace> {
  const gate = new ProofGate({ secret: await secretOf(t, content), clock: systemClock, log: new ListLog() })
  return await listen(t, http.createServer((request, response) => {
    const { remoteAddress = '', localAddress = '', localPort = 0 } = request.socket
    void gate.admit({
      method: request.method ?? '',
      target: request.url ?? '',
      to: request.headers.host ?? '',
      authorization: request.headers.authorization,
      local: endpointKey({ address: localAddress, port: localPort }),
      peer: remoteAddress
    }).then(admission => {
      if (admission.ok) response.writeHead(200, { 'weir-replica-proof': admission.sign(200, body) }).end(spoil(body))
      else response.writeHead(401, { 'www-authenticate': admission.challenge }).end('{}')
    })
  }))
}

/** Answers every request with these bytes. */
async function raw (t: Test, answer: (socket: net.Socket) => void): Promise<PeerPlace> {
  return await listen(t, net.createServer(socket => { socket.on('data', () => { answer(socket) }) }))
}

t.test('a replica answers, and is believed', async t => {
  const client = await clientWith(t)
  const place = await replica(t)
  t.strictSame(await client.ask(place, LOOK), { ok: true, answer: ANSWER })
  const replies = await Promise.all(Array.from({ length: 20 }, async () => await client.ask(place, LOOK)))
  t.same(replies.filter(({ ok }) => !ok), [], 'many at a time')
  client.forget(endpointKey(place))
  t.match(await client.ask(place, { ...LOOK, kind: 'wait' }), { ok: true })
})

t.test('who does not know the secret is not believed, and who does is told apart', async t => {
  const client = await clientWith(t)
  const faultOf = async (place: PeerPlace): Promise<string> => {
    const reply = await client.ask(place, LOOK)
    return reply.ok ? 'none' : `${reply.fault.kind}: ${reply.fault.reason}`
  }
  t.match(await faultOf(await replica(t, { content: OTHER })), /^unproven: .*its secret is another one/)
  t.match(await faultOf(await replica(t, { spoil: body => body.replace('"weight":1', '"weight":0') })), /^unproven: its answer was not made with the secret/)
  t.match(await faultOf(await raw(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'))), /^unproven: its answer was not made/)
  t.match(await faultOf(await raw(t, socket => socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="weir"\r\nContent-Length: 0\r\n\r\n'))), /^odd: it answers 401 and asks for no proof/)
  t.match(await faultOf(await raw(t, socket => socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: Weir-Replica challenge="aaaaaaaaaaaaaaaaaaaaaaaa", error="stale"\r\nContent-Length: 0\r\n\r\n'))), /^unproven: it asks for one proof after the other/)
  t.match(await faultOf(await raw(t, socket => socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'))), /^odd: it answers 404: an older Weir/)
  t.match(await faultOf(await raw(t, socket => socket.write('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'))), /^odd: it answers 503/)
  t.match(await faultOf(await raw(t, socket => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))), /^odd: what it answers is not HTTP/)
  t.match(await faultOf(await raw(t, socket => { socket.destroy() })), /^silent: /)
  t.match(await faultOf({ address: '127.0.0.1', port: await closedPort() }), /^absent: nothing listens there/)
  t.match(await faultOf(await replica(t, { body: '{"id":"one"}' })), /^odd: its answer can't be read/)
  t.match(await faultOf(await replica(t, { body: JSON.stringify({ ...writeReplicaAnswer(ANSWER), route: { epoch: 1, workers: 1, all: 1, versions: { v1: { weight: 0 } } } }) })), /^odd: its answer can't be read/, 'a count that is missing is not none')
  t.match(await faultOf(await replica(t, { body: `"${'x'.repeat(MAX_PEER_ANSWER_BYTES)}"` })), /^odd: its answer is longer than 524288 bytes/)
})

t.test('an answer without end, slow or never, takes no longer than it may, and keeps no other one waiting', async t => {
  const client = await clientWith(t)
  const silent = await raw(t, () => {})
  const endless = await raw(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const more = setInterval(() => { socket.write('1\r\nx\r\n') }, 5)
    socket.once('close', () => { clearInterval(more) })
  })
  const good = await replica(t)
  const slow = [silent, endless].flatMap(place => Array.from({ length: 12 }, async () => await client.ask(place, { ...LOOK, timeoutMs: 500 })))
  t.match(await client.ask(good, LOOK), { ok: true })
  for (const reply of await Promise.all(slow)) t.match(reply, { ok: false, fault: { kind: 'silent', reason: 'it gave no answer within 500 ms' } })
  const gone = new AbortController()
  const waiting = client.ask(silent, { ...LOOK, kind: 'wait', signal: gone.signal })
  gone.abort()
  t.match(await waiting, { ok: false, fault: { kind: 'own' } })
})

t.test('who passes a request on to a real replica gets no answer from it', async t => {
  const client = await clientWith(t)
  const real = await replica(t)
  const relay = await listen(t, net.createServer(socket => {
    const onward = net.connect(real.port, real.address)
    onward.on('error', () => {})
    socket.once('close', () => { onward.destroy() })
    socket.pipe(onward).pipe(socket)
  }))
  t.match(await client.ask(relay, LOOK), { ok: false, fault: { kind: 'unproven', reason: /the address in the EndpointSlice is not the one/ } })
})

t.test('between the halves of a rotation replicas go on', async t => {
  for (const [mine, its] of [[SECRET, `${SECRET}\n${OTHER}`], [`${OTHER}\n${SECRET}`, SECRET], [`${SECRET}\n${OTHER}`, `${OTHER}\n${SECRET}`]] as const) {
    const client = await clientWith(t, mine)
    t.match(await client.ask(await replica(t, { content: its }), LOOK), { ok: true })
  }
})

t.test('without a secret of its own a replica says so, and asks nobody', async t => {
  let asked = 0
  const place = await raw(t, () => { asked++ })
  const client = await clientWith(t, 'short')
  t.match(await client.ask(place, LOOK), { ok: false, fault: { kind: 'own', reason: /the secret of this replica can't be used: line 1 is shorter/ } })
  t.equal(asked, 0)
})

t.test('a connection that was kept and has ended meanwhile is not a fault', async t => {
  const client = await clientWith(t)
  const gate = new ProofGate({ secret: await secretOf(t, SECRET), clock: systemClock, log: new ListLog() })
  const body = JSON.stringify(writeReplicaAnswer(ANSWER))
  const place = await listen(t, http.createServer((request, response) => {
    const { localAddress = '', localPort = 0 } = request.socket
    void gate.admit({ method: 'GET', target: request.url ?? '', to: request.headers.host ?? '', authorization: request.headers.authorization, local: `${localAddress}:${localPort}`, peer: '' })
      .then(admission => {
        if (admission.ok) response.writeHead(200, { 'weir-replica-proof': admission.sign(200, body) }).end(body)
        else response.writeHead(401, { 'www-authenticate': admission.challenge }).end()
        // Without a word of it in the answer.
        response.once('finish', () => { request.socket.end() })
      })
  }))
  for (let count = 0; count < 5; count++) t.match(await client.ask(place, LOOK), { ok: true })
})
