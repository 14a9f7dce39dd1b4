/** Targets, Host, versions and end-to-end fields: cases 9 to 16. */
import { proxyTest } from '../helpers/data-plane.ts'
import { echoTarget } from '../helpers/observe-request.ts'
import { ownLines } from '../helpers/own-lines.ts'
import { get } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

for (const target of [
  '/', '/%2e%2e/', '/%2E', '/a/../b', '/./a', '//', '//h/a', '/a//b', '/a;b=c;d', '/?', '/a?', '/?a=b&a=c', '/a?b?c', '/|', '/a|b', '/{a}', '/a^b',
  '/"a"', '/<a>', '/`', '/\\', '/\\..\\', '/%', '/%zz', '/%00', '/%0d%0a', '/%c3%a9', '/a%2fb',
  '/a+b', '/*', '/~a', '/a:b', '/a@b', '/http://h/', '/!$&\'()*,=', '/[a]', `/${'a'.repeat(4_096)}`, `/?${'q'.repeat(4_096)}`, '/.', '/..',
  '/..;/a', '/a/%2e%2e%2f', '/&amp;'
]) {
  proxyTest(`case 9: the target ${target.slice(0, 40)} is not rewritten`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok()) })
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)), 200)
    t.equal(origin.requests[0]?.startLine, `GET ${target} HTTP/1.1`)
  })
}

for (const target of ['/\xc3\xa9', '/a#b', '/\x80', '/a\x7f', '/a\x01', 'a', '', 'a/b', '?a']) {
  proxyTest(`case 9: the target ${JSON.stringify(target)} is refused`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)), 400)
    t.equal(origin.connections.length, 0)
  })
}

for (const [target, sentTarget, host] of [
  ['http://real.test/a', '/a', 'real.test'],
  ['http://real.test:81/a?b', '/a?b', 'real.test:81'],
  ['HTTP://REAL.test/', '/', 'REAL.test'],
  ['https://real.test/a', '/a', 'real.test'],
  ['http://real.test', '/', 'real.test'],
  ['http://real.test?q', '/?q', 'real.test'],
  ['http://[::1]:80/x', '/x', '[::1]:80'],
  ['http://real.test//a', '//a', 'real.test'],
  ['http://real.test:/a', '/a', 'real.test:'],
  ['http://real.test/http://b/', '/http://b/', 'real.test']
] as const) {
  for (const sent of ['Host: other.test\r\n', 'X-Before: 1\r\nhost: real.test\r\n']) {
    proxyTest(`case 10: the authority of ${target} replaces ${JSON.stringify(sent)}`, async (t, bench) => {
      const origin = await bench.origin(echoTarget)
      const client = await bench.client()
      t.equal(statusOf(await client.ask(`GET ${target} HTTP/1.1\r\n${sent}X-Behind: 2\r\n\r\n`)), 200)
      const [request] = origin.requests
      t.equal(request?.startLine, `GET ${sentTarget} HTTP/1.1`)
      t.same(valuesOf(request ?? { fields: [] }, 'host'), [host])
      t.same(valuesOf(request ?? { fields: [] }, 'x-behind'), ['2'])
    })
  }
}

proxyTest('case 10: routes are found by the authority of the absolute form, not by Host', async (t, bench) => {
  const origin = await bench.extraOrigin(echoTarget)
  bench.route([{ match: { hosts: ['inside.test'] }, weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  const client = await bench.client()
  t.equal(statusOf(await client.ask('GET http://inside.test/ HTTP/1.1\r\nHost: outside.test\r\n\r\n')), 200)
  t.equal(statusOf(await client.ask('GET http://outside.test/ HTTP/1.1\r\nHost: inside.test\r\n\r\n')), 404)
})

for (const target of [
  'http://', 'http:///a', 'http://u@h/', 'http://u:p@h/', 'http://h:x/', 'http://h:80:80/', 'http://[::1/', 'http://[h]/', 'ftp://h/', 'http:h',
  'http:/h', 'http//h', 'ws://h/', 'http://h h/', 'http://h\\a/', 'http://h%/', 'file:///etc'
]) {
  proxyTest(`case 10: ${target} is refused`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)), 400)
    t.equal(origin.connections.length, 0)
  })
}

for (const [line, expected] of [
  ['OPTIONS * HTTP/1.1', 'OPTIONS * HTTP/1.1'],
  ['OPTIONS http://h HTTP/1.1', 'OPTIONS * HTTP/1.1'],
  ['OPTIONS http://h/ HTTP/1.1', 'OPTIONS / HTTP/1.1'],
  ['OPTIONS /* HTTP/1.1', 'OPTIONS /* HTTP/1.1'],
  ['OPTIONS http://h?q HTTP/1.1', 'OPTIONS /?q HTTP/1.1'],
  ['OPTIONS * HTTP/1.0', 'OPTIONS * HTTP/1.1']
] as const) {
  proxyTest(`case 11: ${line} goes on as ${expected}`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok()) })
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`${line}\r\nHost: h\r\n\r\n`)), 200)
    t.equal(origin.requests[0]?.startLine, expected)
  })
}

for (const fields of [
  '', 'Host: h\r\nHost: h\r\n', 'Host: h\r\nX: y\r\nHOST: g\r\n', 'Host:\r\n', 'Host: \t \r\n', 'Host: a b\r\n', 'Host: a,b\r\n', 'Host: a/b\r\n',
  'Host: u@h\r\n', 'Host: h:8x\r\n', 'Host: h:999999\r\n', 'Host: h:-1\r\n', 'Host: [::1\r\n', 'Host: [zz]\r\n', 'Host: ::1\r\n', 'Host: h%zz\r\n',
  'Host: h?\r\n',
  'Host: h#\r\n', 'Host: \xe9\r\n', 'Host: http://h/\r\n', 'Host: :80\r\n', 'Host: "h"\r\n', 'Host: h\\\r\n', 'Host: *\\*\r\n',
  `Host: ${'h'.repeat(261)}\r\n`, 'Host_: h\r\n', 'X-Host: h\r\n'
]) {
  for (const target of ['/', 'http://h/']) {
    proxyTest(`case 12: ${JSON.stringify(fields.slice(0, 40))} with the target ${target} is a 400`, async (t, bench) => {
      const origin = await bench.origin(echoTarget)
      const client = await bench.client()
      t.equal(statusOf(await client.ask(`GET ${target} HTTP/1.1\r\n${fields}\r\n`)), 400)
      await client.untilEnded()
      t.equal(origin.connections.length, 0)
    })
  }
}

for (const host of [
  'h', 'H.Example.TEST', 'h:80', 'h:', '[::1]', '[2001:db8::1]:8080', '192.0.2.1:1', 'a_b.test', 'xn--bcher-kva.test', 'h.', 'a-b', 'h%41',
  '*.test', 'a~b', 'h:65535'
]) {
  proxyTest(`case 12: Host: ${host} is valid and goes on as it is`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)), 200)
    t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'host'), [host])
  })
}

for (const [what, answer, body] of [
  ['a length', ok('hello'), 'hello'],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n', 'hello'],
  ['interim answers', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n${ok('hello')}`, 'hello']
] as const) {
  for (const fields of ['', 'Host: h\r\n', 'Connection: keep-alive\r\n', 'Connection: Keep-Alive, foo\r\n', 'Connection: close, keep-alive\r\n']) {
    proxyTest(`case 13: an HTTP/1.0 client with ${JSON.stringify(fields)} gets an answer with ${what}`, async (t, bench) => {
      const origin = await bench.origin((_, connection) => { connection.send(answer) })
      const client = await bench.client()
      client.expect('GET')
      client.send(`GET / HTTP/1.0\r\n${fields}\r\n`)
      const keeps = /keep-alive/i.test(fields) && !fields.includes('close') && what !== 'chunks'
      if (!keeps) await client.untilEnded()
      const response = await client.next()
      t.equal(statusOf(response), 200, 'no interim answer comes before it')
      t.equal(response.body.toString(), body)
      t.equal(response.framing, what === 'chunks' ? 'close' : 'length')
      t.same(valuesOf(response, 'connection'), [keeps ? 'keep-alive' : 'close'])
      t.equal(client.ended, !keeps)
      t.equal(valuesOf(origin.requests[0] ?? { fields: [] }, 'host').length, 1, 'the origin gets a Host')
      if (keeps) t.equal((await client.ask('GET / HTTP/1.0\r\n\r\n')).body.toString(), body)
    })
  }
}

proxyTest('case 13: an HTTP/1.0 client whose answer ends with the connection gets all of it', async (t, bench) => {
  await bench.origin((_, connection) => {
    connection.send('HTTP/1.0 200 OK\r\n\r\nhello')
    connection.end()
  })
  const client = await bench.client()
  const response = await client.ask('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  t.same([response.framing, response.body.toString(), valuesOf(response, 'connection')], ['close', 'hello', ['close']])
})

proxyTest('case 13: the expectation of an HTTP/1.0 client goes no further', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  t.equal(statusOf(await client.ask('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi')), 200)
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'expect'), [])
})

for (const [version, status] of [
  ['HTTP/1.1', 200],
  ['HTTP/1.2', 200],
  ['HTTP/1.9', 200],
  ['HTTP/2.0', 505],
  ['HTTP/3.0', 505],
  ['HTTP/0.9', 505],
  ['HTTP/9.9', 505],
  ['HTTP/1', 400],
  ['HTTP/1.', 400],
  ['HTTP/1.10', 400],
  ['HTTP/11.1', 400],
  ['HTTP/01.1', 400],
  ['HTTP/1.1a', 400],
  ['HTTP/a.b', 400],
  ['http/1.1', 400],
  ['HTTQ/1.1', 400],
  ['HTTP1.1', 400],
  ['HTTP/1.-1', 400],
  ['HTTP/ 1.1', 400],
  ['FTP/1.1', 400],
  ['HTTP/2', 400],
  ['', 400]
] as const) {
  proxyTest(`case 14: the version ${JSON.stringify(version)} leads to ${status}`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    const request = `GET /x ${version}\r\nHost: h\r\n\r\n`
    t.equal(statusOf(await client.ask(request)), status)
    if (status === 200) {
      t.equal(statusOf(await client.ask(request)), 200, 'as persistent as 1.1')
      t.same(origin.requests.map(({ startLine }) => startLine), ['GET /x HTTP/1.1', 'GET /x HTTP/1.1'])
    } else {
      await client.untilEnded()
      t.equal(origin.connections.length, 0)
    }
  })
}

for (const line of ['GET / HTTP/', 'GET / HTTP/1', 'GET / HTTP/1.', 'GET / H', 'GET / ', 'GET /', 'GET']) {
  proxyTest(`case 14: ${JSON.stringify(line)} is refused as soon as its line ends`, async (t, bench) => {
    await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`${line}\r\n`, 'GET')), 400)
    await client.untilEnded()
  })
}

proxyTest('case 15: the fields of a request keep their order, number and bytes', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  const lines = [
    'Cookie: a=1', 'X-Empty: ', 'x-OBS: \xe9\xff\x80\xc3\xa9', 'X: 1', 'Cookie: b=2; c="d"', 'x: 2', 'X-Comma: a, b,,c', 'X: 3', 'X-Space: a  b\tc',
    'Accept: text/html', 'Accept: */*;q=0', 'X: '
  ]
  await client.ask(get('/', lines.map(line => `${line}\r\n`).join('')))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', ...lines])
})

proxyTest('case 15: the fields of an answer keep their order, number and bytes', async (t, bench) => {
  const lines = [
    'Set-Cookie: a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'X-Empty: ', 'WWW-Authenticate: Basic realm="a"', 'X-Obs: \xe9\x80\xff',
    'set-cookie: b=2', 'WWW-Authenticate: Digest a="b", c=d', 'Set-Cookie: a=1', 'Link: </a>', 'Link: </b>', 'Vary: *', 'Server: origin/1'
  ]
  await bench.origin((_, connection) => { connection.send(ok('x', lines.map(line => `${line}\r\n`).join(''))) })
  const client = await bench.client()
  const answer = await client.ask(get())
  t.same(answer.fields.slice(2).map(([name, value]) => `${name}: ${value}`), lines)
})

proxyTest('case 16: codings, validators and ranges pass untouched both ways', async (t, bench) => {
  const response = [
    'Content-Encoding: gzip', 'ETag: W/"x"', 'Content-Range: bytes 0-4/10', 'Accept-Ranges: bytes', 'Last-Modified: x',
    'Cache-Control: no-transform', 'Content-Type: multipart/byteranges; boundary=x', 'Age: 5'
  ]
  const body = '\x1f\x8b\x08\0\xff'
  const origin = await bench.origin((_, connection) => {
    connection.send(`HTTP/1.1 206 Partial Content\r\nDate: x\r\n${response.join('\r\n')}\r\nContent-Length: 5\r\n\r\n${body}`)
  })
  const client = await bench.client()
  const request = [
    'Accept-Encoding: gzip;q=1.0, br', 'Range: bytes=0-4', 'If-Range: W/"x"', 'If-None-Match: *', 'Cache-Control: no-cache',
    'Authorization: Basic eA=='
  ]
  const answer = await client.ask(get('/', `${request.join('\r\n')}\r\n`))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', ...request])
  t.same([answer.startLine, answer.body.toString('latin1')], ['HTTP/1.1 206 Partial Content', body])
  t.same(answer.fields.map(([name, value]) => `${name}: ${value}`), ['Date: x', ...response, 'Content-Length: 5'])
})

for (const status of [
  201, 202, 203, 205, 206, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 407, 408, 409, 410, 411, 413, 416, 418, 421, 426, 429, 451,
  499, 500, 501, 502, 503, 504, 505, 511, 599
]) {
  proxyTest(`case 16: a ${status} of the origin is neither followed nor rewritten`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('as it is', 'Location: /other\r\nRetry-After: 7\r\n').replace('200 OK', `${status} Odd Words`)) })
    const client = await bench.client()
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask(get())
      t.equal(answer.startLine, `HTTP/1.1 ${status} Odd Words`)
      t.equal(answer.body.toString(), 'as it is')
      t.same([valuesOf(answer, 'location'), valuesOf(answer, 'retry-after')], [['/other'], ['7']])
    }
    t.same([origin.requests.length, origin.connections.length], [2, 1])
  })
}
