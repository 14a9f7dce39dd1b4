/** Who owns a buffer while a write of a tunnel waits, on either side. */
import { Exchange } from '../../../src/exchange/exchange.ts'
import { UpstreamConnection } from '../../../src/upstream/upstream-connection.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { stalledClient, type StalledClient } from '../../helpers/stalled-client.ts'
import { acceptUpgrade, switching, WEBSOCKET } from '../../helpers/open-tunnel.ts'
import { get } from '../../helpers/raw-client.ts'
import type { OriginConnection, RawOrigin } from '../../helpers/raw-origin.ts'

/** More than the pools keep. */
const EVERY_BUFFER = 80

/** Whoever comes next gets what is free, and writes to it. */
function useFreeBuffers ({ plane }: ProxyBench): void {
  for (const pool of [plane.buffers, plane.bodyBuffers, plane.smallBuffers]) {
    // None is given back, so that there is always room for one that should not be.
    for (let count = 0; count < EVERY_BUFFER; count++) pool.take().memory.fill('other')
  }
  plane.sharedBuffer.memory.fill('other')
}

/** The deadline of the exchange has passed. */
function overdue ({ plane }: ProxyBench): void {
  for (const member of plane.deadlines.snapshot()) if (member instanceof Exchange) member.onDeadline()
}

/** A tunnel between a client in the hands of the test and an origin. */
async function open (
  bench: ProxyBench, origin: RawOrigin, sentAhead = ''
): Promise<StalledClient & { readonly endpoint: OriginConnection }> {
  const client = stalledClient(bench)
  client.stream.receive(Buffer.from(get('/', WEBSOCKET) + sentAhead))
  const endpoint = await origin.connection(origin.connections.length)
  await endpoint.next()
  acceptUpgrade(endpoint)
  await bench.until('the tunnel', () => client.stream.stalledBytes > 0)
  client.stream.take()
  return { ...client, endpoint }
}

/** Lets the endpoints of all connections take nothing, until the test says so; a FIN waits with what is before it. */
class HeldEndpoints {
  readonly held: Buffer[] = []
  readonly #write = UpstreamConnection.prototype.write
  readonly #end = UpstreamConnection.prototype.end
  #connection: UpstreamConnection | undefined

  constructor () {
    const { held } = this
    const remember = (connection: UpstreamConnection): void => { this.#connection = connection }
    UpstreamConnection.prototype.write = function (bytes) {
      held.push(bytes)
      remember(this)
      return false
    }
    UpstreamConnection.prototype.end = () => {}
  }

  /** Takes everything; returns it. */
  take (): string {
    const text = Buffer.concat(this.held.splice(0)).toString('latin1')
    this.#connection?.onDrain()
    return text
  }

  restore (): void {
    UpstreamConnection.prototype.write = this.#write
    UpstreamConnection.prototype.end = this.#end
  }
}

for (const sizes of [[1, 1, 1], [4_095, 4_096, 4_096, 4_096, 1, 4_096], [4_096, 4_096, 10, 10], [16_384, 1, 4_096, 2]]) {
  proxyTest(`bytes of a client that wait for the endpoint are not touched: reads of ${sizes.join(', ')}`, async (t, bench) => {
    const { stream, connection } = await open(bench, await bench.origin())
    const endpoints = new HeldEndpoints()
    try {
      for (const [round, size] of sizes.entries()) {
        stream.receive(Buffer.alloc(size, `${round}`))
        t.equal(stream.paused, true)
        useFreeBuffers(bench)
        t.ok(endpoints.take() === `${round}`.repeat(size), `read ${round}`)
        t.equal(stream.paused, false)
      }
    } finally {
      endpoints.restore()
      connection.onClose()
    }
  })
}

proxyTest('bytes that a client has sent ahead wait for the endpoint, and hold up what comes behind them', async (t, bench) => {
  const endpoints = new HeldEndpoints()
  try {
    const { stream, connection } = await open(bench, await bench.origin(), 'sent ahead')
    t.equal(stream.paused, true)
    useFreeBuffers(bench)
    t.equal(endpoints.take(), 'sent ahead')
    t.equal(stream.paused, false)
    connection.onClose()
  } finally {
    endpoints.restore()
  }
})

for (const glued of ['', 'x'.repeat(200), 'x'.repeat(9_000)]) {
  proxyTest(`bytes of an endpoint that wait for the client are not touched, with ${glued.length} bytes behind the 101`, async (t, bench) => {
    const origin = await bench.origin()
    const { stream, connection } = stalledClient(bench)
    stream.receive(Buffer.from(get('/', WEBSOCKET)))
    const endpoint = await origin.connection()
    await endpoint.next()
    acceptUpgrade(endpoint, switching() + glued)
    let expected = switching() + glued
    for (const size of [0, 10, 8_192 + 100, 8_191, 8_192, 131_072 + 5, 10, 300_000, 1]) {
      const piece = Buffer.alloc(size, String.fromCharCode(97 + expected.length % 26)).toString('latin1')
      endpoint.send(piece)
      expected += piece
      while (stream.taken.reduce((sum, { length }) => sum + length, 0) < expected.length) {
        await bench.until('bytes that wait', () => stream.stalledBytes > 0)
        useFreeBuffers(bench)
        stream.take()
      }
    }
    t.ok(Buffer.concat(stream.taken).toString('latin1') === expected)
    connection.onClose()
  })
}

proxyTest('a tunnel that both have ended is not over before the endpoint has taken everything', async (t, bench) => {
  const { stream, connection, endpoint } = await open(bench, await bench.origin())
  const endpoints = new HeldEndpoints()
  try {
    stream.receive(Buffer.from('last words'))
    connection.onEnd()
    endpoint.end()
    await bench.until('the end of the endpoint', () => stream.ended)
    t.equal(bench.version().tunnels, 1)
    t.equal(endpoints.take(), 'last words')
    t.equal(bench.version().tunnels, 0)
    t.equal(bench.version().errors.reduce((sum, count) => sum + count, 0), 0)
  } finally {
    endpoints.restore()
    connection.onClose()
  }
})

proxyTest('what a tunnel has for its client at the end waits for it, and is lost with a reset only', async (t, bench) => {
  const { stream, endpoint } = await open(bench, await bench.origin())
  endpoint.send('last words')
  await bench.until('the bytes', () => stream.stalledBytes === 10)
  stream.take()
  endpoint.send('and more')
  await bench.until('the bytes', () => stream.stalledBytes === 8)
  overdue(bench)
  t.equal(stream.gone, 'reset')
  t.equal(bench.errors('tunnel_idle'), 1)
})
