import t from 'tap'
import { logTraffic } from '../../../src/control/log-traffic.ts'
import { EMPTY_TRAFFIC } from '../../../src/rollout/traffic-state.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { StoreError } from '../../../src/store/state-store.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'

const host = { host: 'localhost' }
const PUT = { method: 'PUT', url: '/v1/routes/hello/weights', headers: host } as const
const half = { weights: { stable: 50, canary: 50 } }

t.test('PUT weights changes the split, stores it, publishes it and answers with the new epoch', async t => {
  const { app, publisher, traffic, log } = await adminFixture()
  logTraffic(traffic, log)
  const answer = await app.inject({ ...PUT, payload: { ...half, reason: 'looks good' } })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers.etag, '"2"')
  t.same(answer.json(), { route: 'hello', epoch: 2, revision: 2, changed: true, weights: { stable: 50, canary: 50 } })
  t.same(publisher.splits.at(-1), { route: 'hello', epoch: 2, weights: { stable: 50, canary: 50 }, salt: '' })
  t.match(traffic.route('hello')?.history.at(-1), { actor: 'local', reason: 'looks good', source: 'api', action: 'weights' })
  t.match(log.at('info'), [{ message: 'the weights of a route have changed', fields: { actor: 'local', epoch: 2 } }])
  t.equal(log.at('info').length, 1, 'told once')
})

t.test('the same PUT again changes nothing', async t => {
  const { app } = await adminFixture()
  await app.inject({ ...PUT, payload: half })
  const again = await app.inject({ ...PUT, payload: half })
  t.match(again.json(), { epoch: 2, revision: 2, changed: false })
  t.equal(again.headers.etag, '"2"')
})

t.test('wait=all tells how far the workers came', async t => {
  const { app, publisher } = await adminFixture()
  const all = await app.inject({ ...PUT, url: `${PUT.url}?wait=all&timeout=250ms`, payload: half })
  t.same(all.json<{ applied: unknown }>().applied, { workers: 2, applied: 2, complete: true, tookMs: 1.5 })
  t.equal(publisher.timeouts.at(-1), 250)
  publisher.applied = 1
  const some = await app.inject({ ...PUT, url: `${PUT.url}?wait=all`, payload: { weights: { stable: 1, canary: 1 } } })
  t.equal(some.statusCode, 200, 'stored all the same')
  t.match(some.json(), { applied: { workers: 2, applied: 1, complete: false } })
  t.equal(publisher.timeouts.at(-1), 5_000)
  const none = await app.inject({ ...PUT, url: `${PUT.url}?wait=none`, payload: { weights: { stable: 2, canary: 1 } } })
  t.notOk('applied' in none.json())
})

t.test('a timeout that is no duration or too long is refused before anything is changed', async t => {
  const { app, traffic } = await adminFixture()
  for (const timeout of ['5', '31s', '1h', '-1s', 'soon']) {
    const answer = await app.inject({ ...PUT, url: `${PUT.url}?wait=all&timeout=${timeout}`, payload: half })
    t.match(answer.json(), { status: 400, code: 'invalid_request', errors: [{ path: 'query/timeout' }] }, timeout)
  }
  t.match((await app.inject({ ...PUT, url: `${PUT.url}?wait=some`, payload: half })).json(), { errors: [{ path: 'query/wait', message: 'has to be one of all, none' }] })
  t.equal(traffic.route('hello')?.epoch, 1)
})

t.test('If-Match lets a change through only at the epoch that was read', async t => {
  const { app } = await adminFixture()
  const { etag = '' } = (await app.inject({ url: '/v1/routes/hello', headers: host })).headers
  const put = (ifMatch: string, stable: number) => app.inject({ ...PUT, headers: { ...host, 'if-match': ifMatch }, payload: { weights: { stable, canary: 1 } } })
  t.equal((await put(String(etag), 1)).statusCode, 200)
  const stale = await put(String(etag), 2)
  t.equal(stale.statusCode, 412)
  t.equal(stale.headers.etag, '"2"', 'the answer says where the route is')
  t.match(stale.json(), { code: 'epoch_mismatch', epoch: 2 })
  t.equal((await put('*', 3)).statusCode, 200)
  t.equal((await put('W/"3"', 4)).statusCode, 412, 'weak tags never match')
  t.equal((await put('"9", "3"', 5)).statusCode, 200, 'any of several')
  t.match((await put('4', 6)).json(), { status: 400, code: 'malformed_if_match' })
  t.equal((await app.inject({ ...PUT, url: '/v1/routes/nope/weights', headers: { ...host, 'if-match': '*' }, payload: half })).statusCode, 404)
})

t.test('of many changes on one epoch, one is made', async t => {
  const { app } = await adminFixture()
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) =>
    app.inject({ ...PUT, headers: { ...host, 'if-match': '"1"' }, payload: { weights: { stable: index + 1, canary: 7 } } })))
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
  t.equal(answers.filter(({ statusCode }) => statusCode === 412).length, 99)
})

t.test('a thousand changes at once all get an epoch of their own', async t => {
  const { app, publisher } = await adminFixture()
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, index) => app.inject({ ...PUT, payload: { weights: { stable: index + 1, canary: 1000 } } })))
  const epochs = new Set(answers.map(answer => answer.json<{ epoch: number }>().epoch))
  t.equal(epochs.size, 1000)
  t.equal(publisher.splits.at(-1)?.epoch, 1001)
})

t.test('switch, undo and history', async t => {
  const { app } = await adminFixture()
  const post = async (action: string, payload?: object) => {
    const answer = await app.inject({ method: 'POST', url: `/v1/routes/hello/${action}`, headers: host, ...(payload === undefined ? {} : { payload }) })
    return answer.json<{ epoch: number, weights: object }>()
  }
  t.match(await post('switch', { to: 'canary', reason: 'release' }), { epoch: 2, weights: { stable: 0, canary: 100 } })
  t.match(await post('undo'), { epoch: 3, weights: { stable: 90, canary: 10 } }, 'without a body')
  t.match(await post('undo', {}), { epoch: 4, weights: { stable: 0, canary: 100 } }, 'an undo can be undone')
  t.match(await post('undo', { revision: 1, reason: 'back to the start' }), { epoch: 5, weights: { stable: 90, canary: 10 } })
  const history = (await app.inject({ url: '/v1/routes/hello/history', headers: host })).json<{ revisions: object[] }>()
  t.match(history.revisions, [
    { revision: 5, action: 'undo', reason: 'back to the start' },
    { revision: 4, action: 'undo', reason: '' },
    { revision: 3, action: 'undo' },
    { revision: 2, action: 'switch', reason: 'release', before: { stable: 90, canary: 10 }, after: { stable: 0, canary: 100 }, at: '2026-01-01T00:00:00.000Z' },
    { revision: 1, action: 'config', source: 'config' }
  ])
  const two = (await app.inject({ url: '/v1/routes/hello/history?limit=2', headers: host })).json<{ revisions: { revision: number }[] }>()
  t.same(two.revisions.map(({ revision }) => revision), [5, 4])
})

const REFUSED: readonly (readonly [string, string, object, number, string, string | undefined])[] = [
  ['PUT', 'weights', { weights: { stable: 1, canary: 1, blue: 1 } }, 422, 'unknown_version', undefined],
  ['PUT', 'weights', { weights: { stable: 1, canary: 1, constructor: 1 } }, 422, 'unknown_version', undefined],
  ['PUT', 'weights', { weights: { stable: 1 } }, 422, 'missing_version', undefined],
  ['PUT', 'weights', { weights: { stable: 0, canary: 0 } }, 422, 'all_weights_zero', undefined],
  ['PUT', 'weights', { weights: { stable: 1e-9, canary: 0 } }, 422, 'invalid_weight', undefined],
  ['PUT', 'weights', { weights: { stable: -1, canary: 1 } }, 400, 'invalid_request', 'body/weights/stable'],
  ['PUT', 'weights', { weights: { stable: 1_000_001, canary: 1 } }, 400, 'invalid_request', 'body/weights/stable'],
  ['PUT', 'weights', { weights: { stable: '1', canary: 1 } }, 400, 'invalid_request', 'body/weights/stable'],
  ['PUT', 'weights', { weights: { stable: null, canary: 1 } }, 400, 'invalid_request', 'body/weights/stable'],
  ['PUT', 'weights', { weights: {} }, 400, 'invalid_request', 'body/weights'],
  ['PUT', 'weights', { weights: [1] }, 400, 'invalid_request', 'body/weights'],
  ['PUT', 'weights', {}, 400, 'invalid_request', 'body/weights'],
  ['PUT', 'weights', { weights: { stable: 1, canary: 1 }, weight: 1 }, 400, 'invalid_request', 'body/weight'],
  ['PUT', 'weights', { weights: { stable: 1, canary: 1 }, reason: 'two\nlines' }, 400, 'invalid_request', 'body/reason'],
  ['PUT', 'weights', { weights: { stable: 1, canary: 1 }, reason: 'x'.repeat(501) }, 400, 'invalid_request', 'body/reason'],
  ['POST', 'switch', { to: 'green' }, 422, 'unknown_version', undefined],
  ['POST', 'switch', {}, 400, 'invalid_request', 'body/to'],
  ['POST', 'undo', {}, 409, 'nothing_to_undo', undefined],
  ['POST', 'undo', { revision: 7 }, 422, 'unknown_revision', undefined],
  ['POST', 'undo', { revision: 0 }, 400, 'invalid_request', 'body/revision'],
  ['POST', 'undo', { revision: '1' }, 400, 'invalid_request', 'body/revision']
]

t.test('what can\'t be is refused with its code and place, and changes nothing', async t => {
  const { app, traffic } = await adminFixture()
  for (const [method, action, payload, status, code, path] of REFUSED) {
    const answer = await app.inject({ method: method === 'PUT' ? 'PUT' : 'POST', url: `/v1/routes/hello/${action}`, headers: host, payload })
    const what = `${action} ${JSON.stringify(payload).slice(0, 60)}`
    t.equal(answer.statusCode, status, what)
    t.match(answer.headers['content-type'], /^application\/problem\+json/, what)
    t.match(answer.json(), { type: `urn:weir:problem:${code}`, status, code, title: String, detail: String }, what)
    if (path !== undefined) t.match(answer.json(), { errors: [{ path, message: /\w/ }] }, what)
  }
  t.equal(traffic.route('hello')?.epoch, 1)
})

t.test('a store that fails answers 503, and the weights stay', async t => {
  const store = new MemoryStore(EMPTY_TRAFFIC, error => { throw error })
  const { app, traffic, log } = await adminFixture({ store })
  store.compareAndSwap = async () => { throw new StoreError('no-space', 'writing /secret/state.json failed') }
  const answer = await app.inject({ ...PUT, payload: half })
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { code: 'store_failed', detail: /no space is left/ })
  t.notMatch(answer.body, 'secret')
  t.match(log.at('error'), [{ fields: { error: /secret/ } }])
  store.compareAndSwap = async () => { throw new StoreError('unavailable', 'it can\'t be written: can\'t read /secret/kubeconfig: it does not exist') }
  store.status = () => ({ state: 'stale', detail: 'can\'t read a file: ENOENT: no such file or directory, open \'/secret/token\'' })
  const away = await app.inject({ ...PUT, payload: half })
  t.match(away.json(), { code: 'store_failed', detail: /can't read \(a path\): it does not exist/ })
  const state = await app.inject('/v1/state')
  t.match(state.json(), { state: 'stale', detail: /ENOENT/ })
  t.notMatch(`${away.body} ${state.body}`, 'secret')
  t.equal(traffic.route('hello')?.epoch, 1)
})

t.test('a reason has no characters that a terminal acts on, and may be in any language', async t => {
  const { app } = await adminFixture()
  const put = async (reason: string) => (await app.inject({
    method: 'PUT',
    url: '/v1/routes/hello/weights',
    headers: { host: 'localhost' },
    payload: { weights: { stable: 1, canary: 1 }, reason }
  })).statusCode
  for (const character of [
    '\u0000', '\n', '\u001b', '\u007f', '\u0085', '\u009b', '\u2028', '\u202e', '\u2066', '\u061c', '\u200b', '\ufeff', '\ud800'
  ]) {
    t.equal(await put(`a${character}b`), 400, character.charCodeAt(0).toString(16))
  }
  for (const reason of ['Grün ist besser', '日本語', '\u{1f469}\u200d\u{1f4bb}', 'می\u200cخواهم']) t.equal(await put(reason), 200, reason)
})

t.test('an answer echoes nothing that a terminal acts on', async t => {
  const { app } = await adminFixture()
  const answer = await app.inject({
    method: 'PUT',
    url: '/v1/routes/hello/weights',
    headers: { host: 'localhost' },
    payload: { weights: { stable: 1, canary: 1 }, 'a\u0085\u202eb': 1 }
  })
  t.equal(answer.statusCode, 400)
  t.notMatch(answer.body, /[\u0080-\u009f\u202e]/)
  t.match(answer.json(), { errors: [{ path: 'body/a\u0085\u202eb' }] })
})
