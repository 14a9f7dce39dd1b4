import { once } from 'node:events'
import http from 'node:http'
import type { Server } from 'node:net'
import t from 'tap'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { eventually } from '../../helpers/weir-process.ts'

function portOf (server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const headers = { host: 'localhost' }
const URL = '/v1/routes/hello/versions/canary/drain'

t.test('it says what is left, and whether it is safe', async t => {
  const { app, left } = await adminFixture()
  left.inFlight = 2
  const answer = await app.inject({ url: URL, headers })
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), {
    route: 'hello',
    version: 'canary',
    weight: 0,
    workers: { running: 2, applied: 2 },
    inFlight: 2,
    tunnels: 0,
    held: 0,
    endpoints: [{ address: 'fd00::2', port: 80, ready: false, serving: true, terminating: true }],
    safe: false,
    why: ['inFlight: 2']
  })
  left.inFlight = 0
  t.match((await app.inject({ url: URL, headers })).json(), { safe: true, why: [] })
})

t.test('what is not there, and what is not understood', async t => {
  const { app } = await adminFixture()
  for (const [url, status, code] of [
    ['/v1/routes/nope/versions/canary/drain', 404, 'unknown_route'],
    ['/v1/routes/hello/versions/nope/drain', 404, 'not_found'],
    [`${URL}?wait=yes`, 400, 'invalid_request'],
    [`${URL}?timeout=51s`, 400, 'invalid_request'],
    [`${URL}?timeout=soon`, 400, 'invalid_request'],
    [`${URL}?until=safe`, 400, 'invalid_request']
  ] as const) t.match((await app.inject({ url, headers })).json(), { status, code }, url)
})

t.test('wait=true answers when it has become safe', async t => {
  const { app, clock, left } = await adminFixture()
  left.tunnels = 1
  let answered = false
  const answer = app.inject({ url: `${URL}?wait=true`, headers }).then(response => {
    answered = true
    return response
  })
  await eventually(async () => clock.pending > 0 ? true : undefined)
  clock.advance(1_000)
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(answered, false)
  left.tunnels = 0
  clock.advance(100)
  t.match((await answer).json(), { safe: true, tunnels: 0 })
  t.equal(clock.pending, 0, 'nobody is looked at any more')
})

t.test('wait=true answers at the timeout, with what is left then', async t => {
  const { app, clock, left } = await adminFixture()
  left.inFlight = 1
  const answer = app.inject({ url: `${URL}?wait=true&timeout=5s`, headers })
  await eventually(async () => clock.pending > 0 ? true : undefined)
  clock.advance(5_100)
  const response = await answer
  t.equal(response.statusCode, 200)
  t.match(response.json(), { safe: false, inFlight: 1 })
})

t.test('a client that goes away is not waited for', async t => {
  const { app, clock, left } = await adminFixture()
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => { await app.close() })
  left.inFlight = 1
  const request = http.get({ port: portOf(app.server), host: '127.0.0.1', path: `${URL}?wait=true` }).on('error', () => {})
  await eventually(async () => clock.pending > 0 ? true : undefined)
  request.destroy()
  await eventually(async () => clock.pending === 0 ? true : undefined)
  t.pass('nobody is looked at any more')
})

t.test('a client that has gone away before it could wait is not waited for', async t => {
  const { app, clock, left } = await adminFixture()
  let looks = 0
  Object.defineProperty(left, 'inFlight', { enumerable: true, get: () => ++looks })
  app.addHook('onRequest', async incoming => {
    request.destroy()
    await once(incoming.socket, 'close')
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => { await app.close() })
  const request = http.get({ port: portOf(app.server), host: '127.0.0.1', path: `${URL}?wait=true` }).on('error', () => {})
  await eventually(async () => looks > 0 ? true : undefined)
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(clock.pending, 0, 'nobody is looked at')
})

t.test('a hundred may wait, and twenty-five of one client', async t => {
  const { app, clock, left } = await adminFixture()
  left.inFlight = 1
  let answered = 0
  const ask = async (remoteAddress: string) => {
    const response = await app.inject({ url: `${URL}?wait=true`, headers, remoteAddress })
    answered++
    return response
  }
  const waiting = Array.from({ length: 26 }, () => ask('127.0.0.1'))
  await eventually(async () => answered === 1 ? true : undefined)
  for (let other = 2; other <= 4; other++) waiting.push(...Array.from({ length: 25 }, () => ask(`127.0.0.${other}`)))
  waiting.push(ask('127.0.0.5'))
  await eventually(async () => answered === 2 ? true : undefined)
  t.match((await app.inject({ url: `${URL}?wait=true`, headers, remoteAddress: '127.0.0.6' })).json(), { status: 503, code: 'too_many_waiting', detail: /^100 wait already/ })
  t.match((await app.inject({ url: URL, headers })).json(), { safe: false }, 'to ask without waiting is free')
  t.equal(answered, 2)
  left.inFlight = 0
  clock.advance(100)
  const answers = await Promise.all(waiting)
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 100)
  const refused = answers.filter(({ statusCode }) => statusCode === 503)
  t.same(refused.map(answer => answer.json<{ detail: string }>().detail.replace(/:.*/, '')), [
    '25 of this client wait already', '100 wait already'
  ])
})

t.test('the end of the API ends the waiting', async t => {
  const { app, left, clock } = await adminFixture()
  await app.listen({ host: '127.0.0.1', port: 0 })
  left.inFlight = 1
  const answer = fetch(`http://127.0.0.1:${portOf(app.server)}${URL}?wait=true`)
  await eventually(async () => clock.pending > 0 ? true : undefined)
  await app.close()
  t.match(await (await answer).json(), { safe: false })
})
