/** No answer goes to the wrong question, whatever an origin or another client does: cases 43 to 48. */
import { randomBytes } from 'node:crypto'
import { proxyTest } from '../helpers/data-plane.ts'
import { askAfter, echoTarget, targetOf } from '../helpers/observe-request.ts'
import { get, post } from '../helpers/raw-client.ts'
import { statusOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'
import { turns } from '../helpers/turns.ts'

const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'

const WHOLE_ANSWERS: ReadonlyArray<readonly [what: string, method: string, answer: string]> = [
  ['a length', 'GET', ok('hello')],
  ['chunks', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['chunks and trailers', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n'],
  ['a length of 0', 'GET', ok('')],
  ['a 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['a 204 with a length', 'GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\n'],
  ['a 304', 'GET', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
  ['a 304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n'],
  ['a HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n'],
  ['a HEAD with chunks', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a POST', 'POST', ok('hello')], ['close', 'GET', ok('hello', 'Connection: close\r\n')],
  ['a 100 before', 'GET', `HTTP/1.1 100 Continue\r\n\r\n${ok('hello')}`],
  ['an HTTP/1.0 origin that keeps', 'GET', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello']
]

for (const [what, method, answer] of WHOLE_ANSWERS) {
  for (const surplus of [EVIL, 'x', '\r\n', '5\r\nhello\r\n0\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'x'.repeat(42)]) {
    for (const when of ['glued', 'late'] as const) {
      proxyTest(`case 43: ${JSON.stringify(surplus)} ${when} behind an answer with ${what} ends the connection and reaches nobody`, async (t, bench) => {
        const origin = await bench.origin((request, connection) => {
          if (targetOf(request) !== '/x') return echoTarget(request, connection)
          connection.send(when === 'glued' ? answer + surplus : answer)
        })
        const client = await bench.client()
        const first = await client.ask(`${method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`)
        t.equal(first.body.toString(), method !== 'HEAD' && answer.includes('hello') ? 'hello' : '')
        const connection = await origin.connection()
        if (when === 'late') connection.send(surplus)
        await connection.untilEnded()
        t.equal((await client.ask(get('/mine'))).body.toString(), '/mine')
        t.equal(await askAfter(bench), 'its own answer')
        t.same([connection.reader.messages.length, client.fault], [1, undefined])
      })
    }
  }
}

for (const [what, answer, reused] of [
  ['Connection: close', ok('x', 'Connection: close\r\n'), false],
  ['close among others', ok('x', 'Connection: keep-alive, Close\r\n'), false],
  ['close in another line', ok('x', 'Connection: foo\r\nconnection: close\r\n'), false],
  ['chunks and close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n', false],
  ['HTTP/1.0', ok('x').replace('HTTP/1.1', 'HTTP/1.0'), false],
  ['HTTP/1.0 and another option', ok('x', 'Connection: foo\r\n').replace('HTTP/1.1', 'HTTP/1.0'), false],
  ['HTTP/1.0, keep-alive and close', ok('x', 'Connection: keep-alive, close\r\n').replace('HTTP/1.1', 'HTTP/1.0'), false],
  ['HTTP/1.0 and keep-alive', ok('x', 'Connection: Keep-Alive\r\n').replace('HTTP/1.1', 'HTTP/1.0'), true],
  ['HTTP/1.1', ok('x'), true],
  ['an option close2', ok('x', 'Connection: close2\r\n'), true]
] as const) {
  proxyTest(`case 44: the connection of an answer with ${what} is ${reused ? '' : 'not '}used again`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(answer) })
    for (let round = 0; round < 3; round++) t.equal((await (await bench.client()).ask(get())).body.toString(), 'x')
    t.equal(origin.connections.length, reused ? 1 : 3)
    if (!reused) for (const connection of origin.connections) await connection.untilEnded()
  })
}

proxyTest('case 44: what a client says of its own connection does not matter to the origin\'s', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  for (const request of [
    get('/', 'Connection: close\r\n'), 'GET / HTTP/1.0\r\n\r\n', get()
  ]) t.equal(statusOf(await (await bench.client()).ask(request)), 200)
  t.equal(origin.connections.length, 1)
})

for (const [what, request, answer] of [
  ['that was aborted before its answer', get('/x'), ''],
  ['that was aborted in its answer', get('/x'), 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello'],
  ['that was aborted in its body', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhello', ''],
  ['that was aborted in a chunk', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello', ''],
  ['whose chunks turned out bad', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'bad chunk'],
  ['that was answered early', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhello', ok('early')],
  ['that was answered early with chunks', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['whose expectation was refused', 'POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n', ok('no').replace('200 OK', '417 Expectation Failed')],
  ['whose expectation was refused with an empty answer', 'POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n', ok('').replace('200 OK', '401 Unauthorized')]
] as const) {
  proxyTest(`case 45: an exchange ${what} does not poison the pool`, async (t, bench) => {
    const origin = await bench.origin((message, connection) => { if (targetOf(message) !== '/x') echoTarget(message, connection) })
    const warm = await bench.client()
    await warm.ask(get('/warm'))
    const client = await bench.client()
    client.expect('GET')
    client.send(request)
    const connection = await origin.connection()
    await connection.head(1)
    if (answer === 'bad chunk') {
      client.send('zz\r\n')
      t.equal(statusOf(await client.answer()), 400)
    } else if (answer === '' || answer.includes('100\r\n')) {
      connection.send(answer)
      if (answer !== '') await client.head()
      client.reset()
    } else {
      connection.send(answer)
      t.ok(statusOf(await client.answer()) >= 200)
      // What the client still owes of its body must not become a request at the origin.
      client.send(`${get('/hidden')}`.repeat(5))
    }
    await connection.untilEnded()
    t.equal((await warm.ask(get('/mine'))).body.toString(), '/mine')
    t.equal(await askAfter(bench), 'its own answer')
    t.equal(origin.requests.some(message => targetOf(message) === '/hidden'), false)
    t.same(origin.faults, [])
  })
}

for (const pipelined of [false, true]) {
  proxyTest(`case 46: every one of a thousand questions gets its own answer, ${pipelined ? 'sent ahead' : 'one after the other'}`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      const wait = Number(targetOf(request).split('-')[1]) % 4 * 20
      const answer = ok(Buffer.concat([Buffer.from(targetOf(request)), request.body]))
      if (wait === 0) connection.send(answer)
      else void turns(wait).then(async () => { await connection.sendPieces([answer.slice(0, 30), answer.slice(30)]) })
    })
    const mixed: string[] = []
    await Promise.all(Array.from({ length: 40 }, async (_, number) => {
      const client = await bench.client()
      const questions = Array.from({ length: 25 }, (_, round) => ({ target: `/${number}-${round}`, body: randomBytes((number * 25 + round) * 7 % 3_000) }))
      const bytes = questions.map(({ target, body }) => post(target, body))
      if (pipelined) {
        client.expect(...bytes.map(() => 'POST'))
        client.send(bytes.join(''))
      }
      for (const [index, { target, body }] of questions.entries()) {
        const answer = pipelined ? await client.answer() : await client.ask(bytes[index] ?? '')
        if (!answer.body.equals(Buffer.concat([Buffer.from(target), body]))) mixed.push(target)
      }
    }))
    t.same(mixed, [])
    t.equal(origin.requests.length, 1_000)
    t.ok(origin.connections.length <= 40)
  })
}

proxyTest('case 47: a GET succeeds after the origin has closed the idle connection', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  for (let round = 0; round < 10; round++) {
    t.equal((await client.ask(get(`/${round}`))).body.toString(), `/${round}`)
    const connection = await origin.connection(round)
    if (round % 2 === 0) connection.end()
    else connection.reset()
    await connection.until('the end', () => connection.closed)
  }
  t.equal(origin.requests.length, 10)
})

for (const request of [get('/x'), post('/x', 'hello')]) {
  proxyTest(`case 47: a ${request.slice(0, 4).trim()} that meets the close of the idle connection gets its own answer or a 502`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const seen: number[] = []
    for (let round = 0; round < 40; round++) {
      const client = await bench.client()
      await client.ask(get('/first'))
      const before = origin.requests.length
      const open = origin.connections.filter(connection => !connection.closed && !connection.ended)
      client.expect(request.slice(0, 4).trim())
      // Both at once, now this one first and now that one.
      if (round % 2 === 0) client.send(request)
      for (const connection of open) {
        if (round % 4 < 2) connection.end()
        else connection.reset()
      }
      if (round % 2 === 1) client.send(request)
      const answer = await client.answer()
      seen.push(statusOf(answer))
      if (statusOf(answer) === 200) t.equal(answer.body.toString(), '/x')
      t.ok(origin.requests.length - before <= (request.startsWith('GET') ? 2 : 1), 'what may not run twice does not')
      client.destroy()
    }
    t.same(seen.filter(status => status !== 200 && status !== 502), [])
    if (request.startsWith('GET')) t.same(seen.filter(status => status !== 200), [], 'a GET can be repeated')
  })
}

proxyTest('case 48: the pool is used: fifty clients, one after the other, need one connection', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  for (let round = 0; round < 50; round++) {
    const client = await bench.client()
    t.equal((await client.ask(round % 2 === 0 ? get(`/${round}`) : post(`/${round}`, 'x'))).body.toString(), `/${round}`)
    client.destroy()
  }
  t.equal(origin.connections.length, 1)
})

proxyTest('case 48: the pool is used: as many connections as questions at a time', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 5 }, async () => { t.equal(statusOf(await (await bench.client()).ask(get())), 200) }))
  }
  t.ok(origin.connections.length <= 5, `${origin.connections.length} connections`)
})
