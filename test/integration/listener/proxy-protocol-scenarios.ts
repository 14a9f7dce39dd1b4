/** The PROXY protocol on a listener, whichever way its connections are read. */
import { createHash } from 'node:crypto'
import { CLOSE_REASONS, type CloseReason } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest, timedProxyTest, type BenchOptions, type ProxyBench } from '../../helpers/data-plane.ts'
import { binaryHeader, ipv4Addresses, ipv6Addresses, tlv, withChecksum } from '../../helpers/proxy-header-bytes.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

const BALANCER = '127.0.0.1'
/** A peer that is not among those who send a header. */
const STRANGER = '127.0.0.2'
const LINE = 'PROXY TCP4 203.0.113.7 192.0.2.200 50000 443\r\n'
const FROM_BALANCER: BenchOptions = { listener: { proxyProtocol: { from: [BALANCER] } } }
const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** How many connections were closed for each reason that there was. */
function closed (bench: ProxyBench): Partial<Record<CloseReason, number>> {
  const counts = bench.counters.connectionsClosed
  return Object.fromEntries(CLOSE_REASONS.flatMap((reason, index) => (counts[index] ?? 0) > 0 ? [[reason, counts[index] ?? 0]] : []))
}

export function proxyProtocolScenarios (): void {
  clients()
  behindTheHeader()
  refusals()
  waiting()
}

function clients (): void {
  for (const [what, header, address] of [
    ['version 1, IPv4', latin1(LINE), '203.0.113.7'],
    ['version 1, IPv6', latin1('PROXY TCP6 2001:DB8:0::7 2001:db8::c8 50000 443\r\n'), '2001:db8::7'],
    ['version 1, UNKNOWN', latin1('PROXY UNKNOWN\r\n'), BALANCER],
    ['version 2, IPv4', binaryHeader({ family: 0x11, addresses: ipv4Addresses('203.0.113.7') }), '203.0.113.7'],
    ['version 2, IPv6', binaryHeader({ family: 0x21, addresses: ipv6Addresses('20010db8000000000000000000000007') }), '2001:db8::7'],
    ['version 2 with TLVs and a checksum', withChecksum({ family: 0x11, addresses: ipv4Addresses('203.0.113.7'), tlvs: [tlv(1, latin1('http/1.1'))] }), '203.0.113.7'],
    ['version 2, LOCAL', binaryHeader({ versionAndCommand: 0x20, family: 0, addresses: Buffer.alloc(0) }), BALANCER],
    ['version 2, AF_UNIX', binaryHeader({ family: 0x31, addresses: Buffer.alloc(216) }), BALANCER]
  ] as const) {
    proxyTest(`${what}: the address counts for the origin and in the log`, async (t, bench) => {
      const origin = await bench.origin(answerOk)
      const client = await bench.client()
      client.send(header)
      t.equal(statusOf(await client.ask(get('/', 'X-Forwarded-For: 192.0.2.99\r\n'))), 200)
      t.same(origin.requests.map(request => valuesOf(request, 'x-forwarded-for')), [[address]])
      await bench.until('the log', () => bench.logLines.length === 1)
      t.equal(JSON.parse(bench.logLines[0] ?? '').clientIp, address)
      t.same(closed(bench), {})
    }, { ...FROM_BALANCER, accessLog: { mode: 'on', sampleRate: 1 } })
  }

  proxyTest('whom to trust is decided by the address in the header, not by the balancer', async (t, bench) => {
    const origin = await bench.origin(answerOk)
    for (const [source, forwardedFor] of [['10.0.0.9', '192.0.2.99, 10.0.0.9'], ['203.0.113.7', '203.0.113.7']] as const) {
      const client = await bench.client()
      client.send(binaryHeader({ family: 0x11, addresses: ipv4Addresses(source) }))
      t.equal(statusOf(await client.ask(get('/', 'X-Forwarded-For: 192.0.2.99\r\n'))), 200)
      t.same(valuesOf(origin.requests.at(-1) ?? { fields: [] }, 'x-forwarded-for'), [forwardedFor])
    }
  }, { ...FROM_BALANCER, trustedProxies: [BALANCER, '10.0.0.0/8'] })

  proxyTest('a client goes to its version by the address in the header', async (t, bench) => {
    const origins = { a: await bench.extraOrigin((_, connection) => { connection.send(ok('a')) }), b: await bench.extraOrigin((_, connection) => { connection.send(ok('b')) }) }
    bench.route([{ weights: { a: 1, b: 1 }, affinity: { by: 'client-ip', level: 'version' } }])
    for (const version of ['a', 'b'] as const) bench.endpoints(version, [origins[version].port])
    const seen = new Map<string, Set<string>>()
    for (let round = 0; round < 3; round++) {
      for (let host = 0; host < 20; host++) {
        const source = `203.0.113.${host}`
        const client = await bench.client()
        client.send(`PROXY TCP4 ${source} 192.0.2.200 ${round} 443\r\n`)
        seen.set(source, (seen.get(source) ?? new Set()).add((await client.ask(get())).body.toString()))
        client.destroy()
      }
    }
    t.ok([...seen.values()].every(versions => versions.size === 1), 'each client has one version')
    t.equal(new Set([...seen.values()].flatMap(versions => [...versions])).size, 2, 'and not all the same')
  }, FROM_BALANCER)
}

function behindTheHeader (): void {
  proxyTest('header and request may come byte by byte', async (t, bench) => {
    await bench.origin(answerOk)
    const client = await bench.client()
    client.expect('GET')
    await client.sendPieces([...(LINE + get())])
    t.equal(statusOf(await client.answer()), 200)
  }, FROM_BALANCER)

  proxyTest('what comes with the header is read: requests sent ahead, and their order', async (t, bench) => {
    const origin = await bench.origin(answerOk)
    const client = await bench.client()
    client.expect('GET', 'POST', 'GET')
    client.send(LINE + get('/1') + post('/2', 'body') + get('/3'))
    for (let count = 0; count < 3; count++) t.equal(statusOf(await client.answer()), 200)
    t.same(origin.requests.map(({ startLine, body }) => `${startLine} ${body.toString()}`), ['GET /1 HTTP/1.1 ', 'POST /2 HTTP/1.1 body', 'GET /3 HTTP/1.1 '])
    t.equal(statusOf(await client.ask(get('/4'))), 200, 'and the connection goes on')
  }, FROM_BALANCER)

  proxyTest('a long body that begins in the packet of the header arrives as it was sent', async (t, bench) => {
    const body = Buffer.alloc(3_000_000, 'every byte at its place, ')
    const origin = await bench.origin(answerOk)
    const client = await bench.client()
    client.expect('POST')
    client.send(Buffer.concat([latin1(`${LINE}POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`), body]))
    t.equal(statusOf(await client.answer()), 200)
    const sha256 = (bytes: Buffer | undefined): string => createHash('sha256').update(bytes ?? '').digest('hex')
    t.equal(sha256(origin.requests[0]?.body), sha256(body))
  }, FROM_BALANCER)

  proxyTest('a client that sends header, request and FIN at once gets its answer', async (t, bench) => {
    await bench.origin(answerOk)
    for (let round = 0; round < 5; round++) {
      const client = await bench.client()
      client.expect('GET')
      client.socket.end(LINE + get())
      t.equal(statusOf(await client.answer()), 200)
      await client.untilEnded()
    }
  }, FROM_BALANCER)

  proxyTest('a client that sends a header and a FIN is let go', async (t, bench) => {
    await bench.origin(answerOk)
    for (const pieces of [[LINE], [LINE, 'GET / HT']]) {
      const client = await bench.client()
      await client.sendPieces(pieces)
      client.end()
      await client.untilEnded()
      await bench.until('its end', () => bench.counters.connectionsOpen === 0)
    }
    t.same(closed(bench), {})
  }, FROM_BALANCER)

  proxyTest('a second header is no header', async (t, bench) => {
    await bench.origin(answerOk)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(LINE + LINE + get(), 'GET')), 400)
  }, FROM_BALANCER)
}

function refusals (): void {
  for (const [what, bytes] of [
    ['no header', latin1(get())],
    ['TLS', Buffer.from('1603010200010001fc0303', 'hex')],
    ['a wrong header', latin1('PROXY TCP4 203.0.113.7 192.0.2.200 50000 99999\r\n')],
    ['a line that does not end', latin1(`PROXY UNKNOWN ${'x'.repeat(200)}`)],
    ['a binary header that is too long', binaryHeader({ family: 0x11, addresses: ipv4Addresses('203.0.113.7'), length: 65_535 })],
    ['a wrong checksum', withChecksum({ family: 0x11, addresses: ipv4Addresses('203.0.113.7') }, 1)]
  ] as const) {
    proxyTest(`${what} from a peer that has to send one: closed without a word, and counted`, async (t, bench) => {
      const origin = await bench.origin(answerOk)
      const client = await bench.client()
      client.send(Buffer.concat([bytes, latin1(get())]))
      await client.untilEnded()
      t.equal(client.bytesReceived, 0)
      t.same(closed(bench), { proxy_header: 1 })
      t.equal(origin.requests.length, 0)
    }, FROM_BALANCER)
  }

  proxyTest('another peer is an ordinary client, and its header a malformed request', async (t, bench) => {
    const origin = await bench.origin(answerOk)
    const honest = await bench.client(STRANGER)
    t.equal(statusOf(await honest.ask(get())), 200)
    t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'x-forwarded-for'), [STRANGER])
    for (const header of [latin1(LINE), binaryHeader({ family: 0x11, addresses: ipv4Addresses('203.0.113.7') })]) {
      const client = await bench.client(STRANGER)
      t.equal(statusOf(await client.ask(Buffer.concat([header, latin1(get())]), 'GET')), 400)
    }
    t.equal(origin.requests.length, 1)
    t.equal(bench.unroutedErrors('malformed_request'), 2)
    t.same(closed(bench), {})
  }, FROM_BALANCER)

  proxyTest('a peer that leaves before its header is complete costs nothing; only what it began is counted', async (t, bench) => {
    for (const [bytes, how] of [['', 'end'], ['', 'reset'], ['PROXY TC', 'end'], ['PROXY TC', 'reset']] as const) {
      const client = await bench.client()
      await bench.until('it', () => bench.counters.connectionsOpen === 1)
      if (bytes !== '') await client.sendPieces([bytes])
      client[how]()
      await bench.until('its end', () => bench.counters.connectionsOpen === 0)
      t.ok((closed(bench).proxy_header ?? 0) <= 2)
    }
    t.ok((closed(bench).proxy_header ?? 0) >= 1)
  }, FROM_BALANCER)
}

function waiting (): void {
  timedProxyTest('timeouts.firstByte ends the wait for a header', async (t, bench, advance) => {
    const silent = await bench.client()
    const slow = await bench.client()
    slow.send('PROXY TCP4 ')
    await bench.until('both', () => bench.counters.connectionsOpen === 2)
    await advance(100)
    await advance(100)
    await silent.untilEnded()
    await slow.untilEnded()
    t.same([silent.bytesReceived, slow.bytesReceived], [0, 0])
    t.same(closed(bench), { first_byte_timeout: 1, proxy_header: 1 })
  }, { ...FROM_BALANCER, timeoutsMs: { firstByte: 150 } })

  timedProxyTest('timeouts.firstByte holds for a header that comes byte by byte', async (t, bench, advance) => {
    const client = await bench.client()
    for (const byte of LINE.slice(0, -1)) {
      if (client.ended) break
      client.send(byte)
      await advance(20)
    }
    await client.untilEnded()
    t.same(closed(bench), { proxy_header: 1 })
  }, { ...FROM_BALANCER, timeoutsMs: { firstByte: 150 } })

  proxyTest('a connection that waits for its header counts as open and is limited', async (t, bench) => {
    await bench.origin(answerOk)
    const first = await bench.client()
    await bench.until('it', () => bench.counters.connectionsOpen === 1)
    const second = await bench.client()
    await second.untilEnded()
    t.match(bench.counters, { connectionsAccepted: 1, connectionsRefused: [1, 0, 0, 0] })
    first.send(LINE)
    t.equal(statusOf(await first.ask(get())), 200)
    t.equal(bench.counters.connectionsOpen, 1)
  }, { ...FROM_BALANCER, limits: { maxConnections: 1 } })

  proxyTest('a drain drops connections that wait for their header; what is on its way is served', async (t, bench) => {
    await bench.origin(answerOk)
    const idle = await bench.client()
    const late = await bench.client()
    await bench.until('both', () => bench.counters.connectionsOpen === 2)
    bench.drain()
    late.send(LINE)
    const answer = await late.ask(get())
    t.equal(statusOf(answer), 200)
    t.same(valuesOf(answer, 'connection'), ['close'])
    await idle.untilEnded()
    t.equal(idle.bytesReceived, 0)
    t.same(closed(bench), {}, 'no fault of theirs')
  }, FROM_BALANCER)

  proxyTest('a header that comes during a drain without a request does not keep the worker', async (t, bench) => {
    const client = await bench.client()
    await bench.until('it', () => bench.counters.connectionsOpen === 1)
    bench.drain()
    client.send(LINE)
    await client.untilEnded()
    t.equal(client.bytesReceived, 0)
    await bench.until('its end', () => bench.counters.connectionsOpen === 0)
  }, FROM_BALANCER)
}
