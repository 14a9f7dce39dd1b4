import { PROXY_ERRORS, type ProxyErrorCode } from '../../../src/core/proxy-error.ts'
import { proxyTest, type BenchOptions } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

interface Failure {
  readonly code: ProxyErrorCode
  /** The request, with room for fields after its start line. */
  readonly request: (method: string, fields: string) => string
  /** What the origin does. */
  readonly origin?: OriginHandler
  readonly options?: BenchOptions
  /** Found before the header is read, or instead of it: Accept and HEAD are not known. */
  readonly headless?: true
}

const plain = (method: string, fields: string): string => `${method} / HTTP/1.1\r\nHost: h\r\n${fields}\r\n`

const FAILURES: readonly Failure[] = [
  { code: 'malformed_request', request: (method, fields) => `${method} / HTTP/1.1\r\n${fields}Host: a\r\nHost: b\r\n\r\n`, headless: true },
  { code: 'malformed_body', request: (method, fields) => `${method} / HTTP/1.1\r\nHost: h\r\n${fields}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, headless: true },
  { code: 'no_route', request: (method, fields) => `${method} /unknown HTTP/1.1\r\nHost: h\r\n${fields}\r\n` },
  { code: 'method_not_supported', request: (_, fields) => `CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n${fields}\r\n`, headless: true },
  { code: 'body_too_large', request: (method, fields) => `${method} / HTTP/1.1\r\nHost: h\r\n${fields}Content-Length: 11\r\n\r\n`, options: { limits: { maxBodyBytes: 10 } } },
  { code: 'uri_too_long', request: (method, fields) => `${method} /${'x'.repeat(300)} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`, options: { limits: { maxUriBytes: 256 } }, headless: true },
  { code: 'expectation_failed', request: (method, fields) => `${method} / HTTP/1.1\r\nHost: h\r\n${fields}Expect: 200-ok\r\n\r\n`, headless: true },
  { code: 'head_too_large', request: (method, fields) => `${method} / HTTP/1.1\r\nHost: h\r\n${fields}X: ${'x'.repeat(2_000)}\r\n\r\n`, options: { limits: { maxHeadBytes: 1_024 } }, headless: true },
  { code: 'transfer_coding_not_supported', request: (method, fields) => `${method} / HTTP/1.1\r\nHost: h\r\n${fields}Transfer-Encoding: gzip, chunked\r\n\r\n`, headless: true },
  { code: 'upstream_malformed', request: plain, origin: (_, connection) => { connection.send('NOT HTTP AT ALL\r\n\r\n') } },
  { code: 'upstream_reset', request: plain, origin: (_, connection) => { connection.end() } },
  { code: 'upstream_timeout', request: plain, origin: () => {}, options: { timeoutsMs: { upstreamResponse: 30 } } },
  { code: 'version_not_supported', request: (method, fields) => `${method} / HTTP/2.0\r\nHost: h\r\n${fields}\r\n`, headless: true }
]

for (const { code, request, origin, options = {}, headless } of FAILURES) {
  const { status, closes, title } = PROXY_ERRORS[code]
  const start: Parameters<typeof proxyTest>[1] = async (_, bench) => {
    const { port } = await bench.extraOrigin(origin ?? ((_, connection) => { connection.send(ok()) }))
    bench.route([{ match: { exact: '/' }, weights: { v1: 1 } }])
    bench.endpoints('v1', [port])
  }

  proxyTest(`${code} is a ${status} as problem+json that names the code`, async (t, bench) => {
    await start(t, bench)
    const client = await bench.client()
    const answer = await client.ask(request('GET', ''))
    t.equal(statusOf(answer), status)
    t.same(valuesOf(answer, 'content-type'), ['application/problem+json'])
    t.same(valuesOf(answer, 'cache-control'), ['no-store'])
    t.equal(valuesOf(answer, 'date').length, 1)
    t.match(JSON.parse(answer.body.toString()), { type: 'about:blank', title, status, code })
    t.same(valuesOf(answer, 'connection'), closes ? ['close'] : [])
    if (closes) {
      await client.untilEnded()
    } else {
      t.equal(statusOf(await client.ask(request('GET', ''))), status, 'the connection is kept')
    }
    const count = closes ? 1 : 2
    t.equal(bench.errors(code) + bench.unroutedErrors(code), count, 'counted')
    t.equal(bench.version().requestsByClass[Math.floor(status / 100) - 1] ?? 0, bench.errors(code))
    t.equal(bench.counters.unroutedByClass[Math.floor(status / 100) - 1] ?? 0, bench.unroutedErrors(code))
  }, options)

  if (headless) continue

  proxyTest(`${code} is plain text for those who ask for text`, async (t, bench) => {
    await start(t, bench)
    const client = await bench.client()
    const answer = await client.ask(request('GET', 'Accept: text/plain\r\n'))
    t.equal(statusOf(answer), status)
    t.same(valuesOf(answer, 'content-type'), ['text/plain; charset=utf-8'])
    t.match(answer.body.toString(), new RegExp(`^${title}.* \\(${code}\\)\n$`))
  }, options)

  proxyTest(`${code} to a HEAD has no body`, async (t, bench) => {
    await start(t, bench)
    const client = await bench.client()
    const answer = await client.ask(request('HEAD', ''))
    t.equal(statusOf(answer), status)
    t.not(valuesOf(answer, 'content-length')[0], '0')
    if (!closes) t.equal(statusOf(await client.ask(request('HEAD', ''))), status, 'the connection is in step')
    t.equal(client.fault, undefined)
  }, options)
}

proxyTest('a 503 says when another try is worth it, and the connection is kept', async (t, bench) => {
  bench.route([{ weights: { v1: 1 } }])
  const client = await bench.client()
  const answer = await client.ask(get())
  t.equal(statusOf(answer), 503)
  t.same(valuesOf(answer, 'retry-after'), ['1'])
  t.match(JSON.parse(answer.body.toString()), { code: 'no_endpoint' })
  t.equal(statusOf(await client.ask(get())), 503)
  t.equal(bench.errors('no_endpoint'), 2)
})

proxyTest('a route whose versions all have weight 0 is a 503', async (t, bench) => {
  await bench.origin()
  bench.split({ v1: 0 })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 503)
  t.equal(bench.unroutedErrors('no_endpoint'), 1)
})

proxyTest('a 405 says what is allowed', async (t, bench) => {
  await bench.origin()
  const client = await bench.client()
  t.match(valuesOf(await client.ask('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'), 'allow'), [/GET/])
})

proxyTest('a client\'s fault is explained to it, an origin\'s is not', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send('nonsense\r\n') })
  const client = await bench.client()
  t.equal('detail' in JSON.parse((await client.ask(get())).body.toString()), false)
  t.match(JSON.parse((await client.ask('GET / HTTP/1.1\r\n\r\n')).body.toString()), { detail: 'there is no Host field' })
})

proxyTest('an HTTP/1.0 client gets errors by its own rules', async (t, bench) => {
  bench.route([{ weights: { v1: 1 } }])
  const client = await bench.client()
  t.same(valuesOf(await client.ask('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'), 'connection'), ['keep-alive'])
  t.same(valuesOf(await client.ask('GET / HTTP/1.0\r\n\r\n'), 'connection'), ['close'])
  await client.untilEnded()
})

proxyTest('an error closes the connection when the body of the request has not come', async (t, bench) => {
  bench.route([{ match: { path: '/other' }, weights: { v1: 1 } }])
  const client = await bench.client()
  const answer = await client.ask('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nsome')
  t.equal(statusOf(answer), 404)
  t.same(valuesOf(answer, 'connection'), ['close'])
  await client.untilEnded()
})

proxyTest('a chunked body that goes wrong later is a 400, and the origin never sees a whole request', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  const connection = await origin.connection()
  await connection.until('the first chunk', () => connection.reader.partialBodyBytes === 3)
  client.send('nonsense\r\n')
  const answer = await client.answer()
  t.equal(statusOf(answer), 400)
  t.match(JSON.parse(answer.body.toString()), { code: 'malformed_body' })
  await connection.untilEnded()
  t.equal(origin.requests.length, 0)
  t.equal(bench.errors('malformed_body'), 1)
})

proxyTest('failed requests are in the access log with code and fault', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send('nonsense\r\n') })
  const client = await bench.client()
  await client.ask(get('/a?b'))
  await client.ask('GET / HTTP/1.1\r\n\r\n')
  await bench.until('the lines', () => bench.logLines.length === 2)
  const [first, second] = bench.logLines.map((line): unknown => JSON.parse(line))
  t.match(first, { route: 'test', version: 'v1', method: 'GET', path: '/a', status: 502, error: 'upstream_malformed', attempts: 1 })
  t.match(second, { status: 400, error: 'malformed_request', fault: 'there is no Host field' })
}, { accessLog: { mode: 'on', sampleRate: 1 } })
