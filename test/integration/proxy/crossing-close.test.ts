/**
 * A request that crosses the close of its connection. A FIN and a reset behind it say that it was not received; anything less
 * says nothing, and a request that can't be repeated is lost.
 */
import type { Test } from 'tap'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { kernelSocket, portsOf } from '../../helpers/kernel-socket.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginConnection } from '../../helpers/raw-origin.ts'
import { accessLines, named, retries, retriesOf } from '../../helpers/two-endpoints.ts'

const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 } } as const

/** What the endpoint does with a request that it has or has not read; the client's answer tells that Weir looks for a reset no more. */
type Close = (connection: OriginConnection, answered: Promise<unknown>) => Promise<void>

const closes: Readonly<Record<'finThenReset' | 'fin' | 'reset' | 'lateReset', Close>> = {
  finThenReset: async connection => {
    await finish(connection)
    connection.destroy()
  },
  fin: finish,
  reset: async connection => { connection.reset() },
  lateReset: async (connection, answered) => {
    await finish(connection)
    await answered
    connection.reset()
  }
}

async function finish (connection: OriginConnection): Promise<void> {
  await new Promise<void>(resolve => { connection.socket.end(resolve) })
}

/** From now on what comes lies unread in the kernel, as it does when it comes after a close. */
function stopReading (connection: OriginConnection): void {
  const handle: unknown = Reflect.get(connection.socket, '_handle')
  if (typeof handle !== 'object' || handle === null) throw new Error('the connection is gone')
  const readStop: unknown = Reflect.get(handle, 'readStop')
  if (typeof readStop === 'function') Reflect.apply(readStop, handle, [])
}

interface Crossing {
  readonly request: string
  /** Does the endpoint read the request before it closes? */
  readonly reads: boolean
  readonly close: Close
  readonly policy?: Parameters<typeof retries>[0]
}

/** A kept-alive connection to an endpoint gets a request and is closed; another endpoint is there by then. */
async function cross (t: Test, bench: ProxyBench, { request, reads, close, policy }: Crossing) {
  const closing = await bench.extraOrigin()
  const good = await bench.extraOrigin(named('good'))
  bench.route([{ weights: { v1: 1 }, policy: retries(policy) }])
  bench.endpoints('v1', [closing.port])
  const client = await bench.client()
  const first = client.ask(get())
  const connection = await closing.connection()
  await connection.next()
  connection.send(ok('first'))
  await first
  if (!reads) stopReading(connection)
  const asked = client.ask(request)
  await bench.until('the request to be on its way', () => bench.version().upstreamReuses === 1)
  if (reads) await connection.next()
  else await bench.until('the request to lie unread', () => (kernelSocket(portsOf(connection.socket))?.unread ?? 0) > 0)
  t.equal(closing.requests.length, reads ? 2 : 1)
  bench.endpoints('v1', [good.port])
  await close(connection, asked)
  const answer = await asked
  return { status: statusOf(answer), body: answer.body.toString(), good }
}

for (const body of ['', 'body', 'x'.repeat(8_000)]) {
  proxyTest(`a POST with ${body.length} bytes that came too late is sent to another endpoint`, async (t, bench) => {
    const { status, body: answer, good } = await cross(t, bench, { request: post('/', body), reads: false, close: closes.finThenReset })
    t.same([status, answer], [200, 'good'])
    t.same(good.requests.map(({ body }) => body.toString()), [body])
    t.same(retriesOf(bench), { reset: 1 })
    t.equal(bench.errors('upstream_reset'), 0)
    await bench.until('the log', () => bench.logLines.length === 2)
    t.match(accessLines(bench)[1], { status: 200, attempts: 2, retried: 'reset', error: null, endpoint: `127.0.0.1:${good.port}` })
  }, LOGGED)
}

proxyTest('a POST that came too late asks for no budget, as nothing was sent', async (t, bench) => {
  const policy = { on: [], budget: { share: 0, minimum: 0 } }
  const { status } = await cross(t, bench, { request: post('/', 'body'), reads: false, close: closes.finThenReset, policy })
  t.equal(status, 200)
  t.equal(bench.version().retriesRefused, 0)
})

for (const [what, crossing] of [
  ['it was received before a FIN', { request: post('/', 'body'), reads: true, close: closes.fin }],
  ['it may have been received before a FIN', { request: post('/', 'body'), reads: false, close: closes.fin }],
  ['it was received before a reset', { request: post('/', 'body'), reads: true, close: closes.reset }],
  ['it may have been received before a reset', { request: post('/', 'body'), reads: false, close: closes.reset }],
  ['the reset comes long after the FIN', { request: post('/', 'body'), reads: true, close: closes.lateReset }],
  ['it does not fit into one segment', { request: post('/', 'x'.repeat(20_000)), reads: false, close: closes.finThenReset }]
] as const satisfies ReadonlyArray<readonly [string, Crossing]>) {
  proxyTest(`a POST is a 502 and not repeated when ${what}`, async (t, bench) => {
    const { status, body, good } = await cross(t, bench, crossing)
    t.equal(status, 502)
    t.match(JSON.parse(body), { code: 'upstream_reset' })
    t.same([good.requests.length, retriesOf(bench)], [0, {}])
  })
}

proxyTest('a GET does not wait for the reset', async (t, bench) => {
  const { status, body } = await cross(t, bench, { request: get(), reads: true, close: closes.fin })
  t.same([status, body], [200, 'good'])
})

proxyTest('a client that leaves while a reset is looked for leaves nothing behind', async (t, bench) => {
  const closing = await bench.extraOrigin()
  bench.route([{ weights: { v1: 1 }, policy: retries() }])
  bench.endpoints('v1', [closing.port])
  const client = await bench.client()
  client.send(post('/', 'body'))
  const connection = await closing.connection()
  await connection.next()
  await finish(connection)
  await bench.settle()
  client.reset()
  await bench.until('the request to be over', () => bench.plane.inFlight === 0)
  t.equal(closing.requests.length, 1)
})
