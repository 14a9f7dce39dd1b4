import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readWholeFile } from '../../../src/core/read-whole-file.ts'
import { TokenBook, type TokenConfig } from '../../../src/admin/token-book.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { takeOver } from '../../helpers/take-over.ts'

const OPERATOR = 'operator-token-0123456789'
const VIEWER = 'viewer-token-0123456789=='
const half = { weights: { stable: 50, canary: 50 } }

function tokensIn (directory: string): readonly TokenConfig[] {
  return [{ name: 'ops', role: 'operator', file: join(directory, 'ops') }, { name: 'look', role: 'viewer', file: join(directory, 'look') }]
}

const bearer = (token: string) => ({ host: 'weir.example:9901', authorization: `Bearer ${token}` })

t.test('a viewer reads, an operator changes and is named in the history', async t => {
  const { app, traffic } = await adminFixture({ tokens: tokensIn(t.testdir({ ops: `${OPERATOR}\n`, look: `${VIEWER}\r\n` })) })
  const ask = (method: 'GET' | 'PUT', token: string) => app.inject({ method, url: method === 'GET' ? '/v1/routes' : '/v1/routes/hello/weights', headers: bearer(token), ...(method === 'PUT' ? { payload: half } : {}) })
  t.equal((await ask('GET', VIEWER)).statusCode, 200)
  t.equal((await ask('GET', OPERATOR)).statusCode, 200)
  const refused = await ask('PUT', VIEWER)
  t.equal(refused.statusCode, 403)
  t.match(refused.headers['www-authenticate'], /insufficient_scope/)
  t.match(refused.json(), { code: 'forbidden', detail: /"look" has the role viewer/ })
  t.equal(traffic.route('hello')?.epoch, 1)
  t.equal((await ask('PUT', OPERATOR)).statusCode, 200)
  t.equal(traffic.route('hello')?.history.at(-1)?.actor, 'ops')
})

t.test('what is not there is a 404 for who may read, a viewer too', async t => {
  const { app } = await adminFixture({ tokens: tokensIn(t.testdir({ ops: OPERATOR, look: VIEWER })) })
  for (const token of [VIEWER, OPERATOR]) {
    for (const url of ['/nope', '/v1/nope', '/v1/routes/nope']) {
      t.equal((await app.inject({ url, headers: bearer(token) })).statusCode, 404, url)
    }
  }
})

t.test('everything but health and readiness needs a token', async t => {
  const { app } = await adminFixture({ tokens: tokensIn(t.testdir({ ops: OPERATOR, look: VIEWER })) })
  for (const url of ['/', '/metrics', '/openapi.json', '/v1/routes', '/v1/routes/hello', '/v1/routes/hello/history', '/v1/routes/hello/explain?ip=::1', '/nope', '/v1/routes/nope']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 401, url)
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="weir"', url)
    t.match(answer.json(), { code: 'unauthenticated' })
  }
  for (const url of ['/healthz', '/readyz']) t.equal((await app.inject({ url, headers: { host: '10.1.2.3:9901' } })).statusCode, 200, url)
  const unread = await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', headers: { 'content-type': 'application/json' }, payload: '{' })
  t.equal(unread.statusCode, 401, 'before a byte of the body is looked at')
  t.equal((await app.inject({ method: 'DELETE', url: '/v1/routes/hello' })).statusCode, 401, 'before the methods are told')
})

t.test('only the exact token counts', async t => {
  const { app } = await adminFixture({ tokens: tokensIn(t.testdir({ ops: OPERATOR, look: VIEWER })) })
  const wrong = [`Bearer ${OPERATOR}x`, `Bearer ${OPERATOR.slice(0, -1)}`, `Bearer ${OPERATOR.toUpperCase()}`, 'Bearer ', 'Bearer', OPERATOR, `Basic ${OPERATOR}`, `Bearer ${OPERATOR} ${VIEWER}`, `Bearer ${OPERATOR},`, 'Bearer undefined', `Bearer ${'x'.repeat(10_000)}`]
  for (const authorization of wrong) {
    t.equal((await app.inject({ url: '/v1/routes', headers: { authorization } })).statusCode, 401, authorization.slice(0, 60))
  }
  const right = [`bearer ${OPERATOR}`, `BEARER  ${OPERATOR}`, `Bearer ${OPERATOR} `]
  for (const authorization of right) t.equal((await app.inject({ url: '/v1/routes', headers: { authorization } })).statusCode, 200, authorization)
  t.match((await app.inject({ url: '/v1/routes', headers: bearer('wrong-token') })).headers['www-authenticate'], /error="invalid_token"/)
})

t.test('a token file that can\'t be used disables its token only, loudly and once', async t => {
  const directory = t.testdir({ look: VIEWER, short: 'short', empty: '\n', spaces: 'a token with spaces in it', long: 'x'.repeat(5_000), binary: Buffer.from('0123456789abcdef\u0000\u00ff', 'latin1') })
  await mkdir(join(directory, 'directory'))
  const bad = ['ops', 'short', 'empty', 'spaces', 'long', 'binary', 'directory']
  const tokens: TokenConfig[] = bad.map(name => ({ name, role: 'operator', file: join(directory, name) }))
  const { app, clock, log } = await adminFixture({ tokens: [...tokens, { name: 'look', role: 'viewer', file: join(directory, 'look') }] })
  t.same(log.at('error').map(({ fields }) => fields['token']), bad)
  t.match(log.at('error').map(({ fields }) => fields['fault']), [/ENOENT/, /shorter than 16/, /empty/, /RFC 6750/, /longer than 4096/, /RFC 6750/, /not a regular file/])
  t.equal((await app.inject({ url: '/v1/routes', headers: bearer(VIEWER) })).statusCode, 200)
  for (const token of ['', 'short', 'x'.repeat(4_096), 'x'.repeat(5_000)]) t.equal((await app.inject({ url: '/v1/routes', headers: bearer(token) })).statusCode, 401)
  clock.advance(5_000)
  await app.inject({ url: '/v1/routes', headers: bearer(VIEWER) })
  t.equal(log.at('error').length, bad.length, 'not said again')
})

t.test('when no token can be used the API is closed, not open', async t => {
  const { app } = await adminFixture({ tokens: tokensIn(t.testdir()) })
  t.equal((await app.inject({ url: '/v1/routes', headers: { host: 'localhost' } })).statusCode, 401)
})

t.test('a rotated token is taken without a restart, and the old one stops working', async t => {
  const directory = t.testdir({ ops: OPERATOR, look: VIEWER })
  const { app, clock, log } = await adminFixture({ tokens: tokensIn(directory) })
  const status = async (token: string) => (await app.inject({ url: '/v1/routes', headers: bearer(token) })).statusCode
  t.equal(await status(OPERATOR), 200)
  await writeFile(join(directory, 'new'), 'another-token-0123456789')
  await rename(join(directory, 'new'), join(directory, 'ops'))
  t.equal(await status(OPERATOR), 200, 'files are read once a second at most')
  clock.advance(1_000)
  t.equal(await status(OPERATOR), 401)
  t.equal(await status('another-token-0123456789'), 200)
  await rm(join(directory, 'ops'))
  clock.advance(1_000)
  t.equal(await status('another-token-0123456789'), 401)
  t.match(log.at('error'), [{ fields: { token: 'ops', fault: /ENOENT/ } }])
  await writeFile(join(directory, 'ops'), OPERATOR)
  clock.advance(1_000)
  t.equal(await status(OPERATOR), 200)
  t.match(log.at('info'), [{ fields: { token: 'ops' } }])
})

t.test('a new configuration brings its tokens at once', async t => {
  const directory = t.testdir({ ops: OPERATOR, look: VIEWER })
  const [ops, look] = tokensIn(directory)
  if (ops === undefined || look === undefined) throw new Error('two tokens are configured')
  const book = new TokenBook([ops], new FakeClock(), new ListLog())
  await takeOver(await book.prepare([ops]))
  t.match(await book.find(OPERATOR), { name: 'ops', role: 'operator' })
  t.equal(await book.find(VIEWER), undefined)
  await takeOver(await book.prepare([look]))
  t.equal(await book.find(OPERATOR), undefined)
  t.match(await book.find(VIEWER), { name: 'look', role: 'viewer' })
  t.equal(book.open, false)
  await takeOver(await book.prepare([]))
  t.equal(book.open, true)
  t.equal(await book.find(VIEWER), undefined)
})

t.test('without tokens the API is open to this machine, but not to the web sites in its browser', async t => {
  const { app, traffic } = await adminFixture()
  const put = (headers: Record<string, string>, remoteAddress = '127.0.0.1') => app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', headers, payload: half, remoteAddress })
  t.match((await put({ host: 'evil.example:9901' })).json(), { status: 403, code: 'host_not_allowed' })
  t.match((await put({ host: 'localhost:9901', origin: 'https://evil.example' })).json(), { status: 403, code: 'cross_site' })
  t.match((await put({ host: 'localhost:9901', 'sec-fetch-site': 'cross-site' })).json(), { status: 403, code: 'cross_site' })
  t.match((await put({ host: 'localhost:9901' }, '10.0.0.9')).json(), { status: 403, code: 'not_local' })
  t.match((await app.inject({ url: '/v1/routes', headers: { host: 'evil.example' } })).json(), { code: 'host_not_allowed' })
  t.equal(traffic.route('hello')?.epoch, 1)
  t.equal((await put({ host: 'localhost:9901', origin: 'http://localhost:9901', 'sec-fetch-site': 'same-origin' })).statusCode, 200)
  t.equal((await app.inject({ url: '/healthz', headers: { host: 'anything' }, remoteAddress: '10.0.0.9' })).statusCode, 200)
})

t.test('a token goes on while no descriptor is free to read its file again', async t => {
  const directory = t.testdir({ ops: OPERATOR, look: VIEWER })
  const clock = new FakeClock()
  const log = new ListLog()
  const state = { exhausted: false }
  const book = new TokenBook(tokensIn(directory), clock, log, async (file, maxBytes) => state.exhausted
    ? { fault: { kind: 'exhausted', phrase: 'cannot be read now', systemMessage: 'EMFILE: too many open files' } }
    : await readWholeFile(file, maxBytes))
  await takeOver(await book.prepare(tokensIn(directory)))
  state.exhausted = true
  for (let second = 0; second < 5; second++) {
    clock.advance(1_000)
    t.match(await book.find(OPERATOR), { name: 'ops', role: 'operator' })
  }
  t.same(log.at('error'), [])
  t.equal(await book.find('another-token-0123456789'), undefined)
  state.exhausted = false
  await writeFile(join(directory, 'ops'), 'another-token-0123456789')
  clock.advance(1_000)
  t.equal(await book.find(OPERATOR), undefined)
  t.match(await book.find('another-token-0123456789'), { name: 'ops' })
})

t.test('tokens of a configuration that is given up never work, and those of before go on', async t => {
  const directory = t.testdir({ ops: OPERATOR, look: VIEWER })
  const [ops, look] = tokensIn(directory)
  if (ops === undefined || look === undefined) throw new Error('two tokens are configured')
  const log = new ListLog()
  const book = new TokenBook([ops], new FakeClock(), log)
  await takeOver(await book.prepare([ops]))
  const change = await book.prepare([look, { name: 'gone', role: 'viewer', file: join(directory, 'gone') }])
  t.equal(await book.find(VIEWER), undefined)
  change.commit()
  await change.discard()
  t.equal(await book.find(VIEWER), undefined)
  t.match(await book.find(OPERATOR), { name: 'ops', role: 'operator' })
  t.same(log.at('error'), [], 'nothing is said of its files')
})
