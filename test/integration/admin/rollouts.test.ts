/** The resources of rollouts and verdicts, on rollouts that do as they are told. */
import { join } from 'node:path'
import t from 'tap'
import { readPlan } from '../../../src/plans/read-plan.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { SAID } from '../../helpers/fake-rollouts.ts'

const host = { host: 'localhost' }
const ROLLOUT = '/v1/routes/hello/rollout'
const PLAN = { to: 'canary', steps: [{ setWeight: 5 }, { analyse: { for: '2m' } }] }
const ACTIONS = ['pause', 'resume', 'promote', 'abort', 'retry'] as const

async function fixture () {
  const { app, rollouts, ...rest } = await adminFixture()
  const post = async (below = '', payload?: object | string, headers: object = {}) =>
    await app.inject({ method: 'POST', url: `${ROLLOUT}${below}`, headers: { ...host, ...headers }, ...(payload === undefined ? {} : { payload }) })
  const get = async (url: string) => await app.inject({ url, headers: host })
  return { app, rollouts, post, get, ...rest }
}

t.test('a rollout starts with the plan of the body, and is answered with its epoch', async t => {
  const { rollouts, post, get } = await fixture()
  const answer = await post('', { ...PLAN, reason: 'release 2' })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers.etag, '"2"')
  t.match(answer.json(), { route: 'hello', epoch: 2, changed: true, weights: { stable: 95, canary: 5 }, rollout: { phase: 'Progressing', step: 1, reason: 'release 2' } })
  t.notOk('applied' in answer.json<object>())
  t.same(rollouts.asked, [{ route: 'hello', plan: PLAN, meta: { actor: 'local', reason: 'release 2' }, ifEpoch: undefined }])
  const seen = await get(ROLLOUT)
  t.equal(seen.headers.etag, '"2"')
  t.match(seen.json(), { phase: 'Progressing', waitsFor: 'a pass', steps: [{ state: 'done' }, { state: 'now' }, { state: 'ahead' }], pending: null })
})

t.test('without a plan it is the default one, with or without a reason and a body', async t => {
  for (const payload of [undefined, {}, { reason: 'by the configuration' }]) {
    const { rollouts, post } = await fixture()
    t.equal((await post('', payload)).statusCode, 200)
    t.match(rollouts.asked, [{ plan: undefined }])
  }
})

t.test('each action is asked for with its reason, If-Match and actor', async t => {
  for (const type of ACTIONS) {
    const { rollouts, post } = await fixture()
    await post('', PLAN)
    if (type === 'retry') await post('/abort')
    const { epoch } = rollouts
    t.equal((await post(`/${type}`, { reason: 'because' }, { 'if-match': `"${epoch}"` })).statusCode, 200, type)
    t.match(rollouts.asked.at(-1), { route: 'hello', action: { type }, meta: { actor: 'local', reason: 'because' }, ifEpoch: [epoch] }, type)
    const stale = await post(`/${type}`, {}, { 'if-match': '"77"' })
    t.equal(stale.statusCode, 412, type)
    t.equal(stale.headers.etag, `"${rollouts.epoch}"`, 'the answer says where the route is')
    t.match(stale.json(), { code: 'epoch_mismatch', epoch: rollouts.epoch }, type)
    t.match((await post(`/${type}`, {}, { 'if-match': '77' })).json(), { status: 400, code: 'malformed_if_match' }, type)
  }
})

t.test('promote goes one step, or all the way', async t => {
  const { rollouts, post } = await fixture()
  await post('', PLAN)
  t.match((await post('/promote')).json(), { changed: true, rollout: { phase: 'Progressing' } })
  t.match(rollouts.asked.at(-1), { action: { type: 'promote', full: false } })
  t.match((await post('/promote', { full: true })).json(), { rollout: { phase: 'Healthy' } })
  t.match(rollouts.asked.at(-1), { action: { type: 'promote', full: true } })
})

t.test('what is so already changes nothing', async t => {
  const { post } = await fixture()
  await post('', PLAN)
  t.match((await post('/pause')).json(), { changed: true, epoch: 3 })
  t.match((await post('/pause')).json(), { changed: false, epoch: 3, rollout: { phase: 'Paused' } })
})

t.test('what can\'t be is refused with what can be instead', async t => {
  const { post } = await fixture()
  for (const type of ACTIONS) t.match((await post(`/${type}`)).json(), { status: 404, code: 'no_rollout', detail: /start one/, possible: ['start'] }, type)
  await post('', PLAN)
  t.match((await post('', PLAN)).json(), { status: 409, code: 'rollout_running', possible: ['pause', 'promote', 'abort'] })
  await post('/abort')
  const refused = await post('/resume')
  t.match(refused.json(), { status: 409, code: 'rollout_not_running', detail: /Aborted/, possible: ['start', 'retry'] })
  t.equal(refused.headers.etag, '"3"')
})

t.test('the faults of a plan are all there with their places, as far as anybody reads', async t => {
  const { rollouts, post } = await fixture()
  const faults = Array.from({ length: 30 }, (_, step) => ({ place: `steps[${step}].setWeight`, message: 'has to be 0 to 100' }))
  rollouts.refusal = { code: 'invalid_plan', message: 'the plan can\'t work', faults: faults.slice(0, 2), epoch: 1 }
  t.match((await post('', { steps: [] })).json(), {
    status: 422,
    code: 'invalid_plan',
    detail: 'steps[0].setWeight: has to be 0 to 100; steps[1].setWeight: has to be 0 to 100',
    faults: faults.slice(0, 2)
  })
  rollouts.refusal = { code: 'invalid_plan', message: 'the plan can\'t work', faults: [...faults.slice(1), { place: 'x'.repeat(60_000), message: 'is not known' }] }
  const many = await post('', { steps: [] })
  t.equal(many.json<{ faults: object[] }>().faults.length, 20)
  t.match(many.json(), { detail: /; and 10 more$/ })
  rollouts.refusal = { code: 'invalid_plan', message: 'the plan can\'t work', faults: [{ place: 'x'.repeat(60_000), message: 'y'.repeat(60_000) }] }
  t.ok((await post('', { steps: [] })).body.length < 1_500)
  rollouts.refusal = { code: 'no_plan', message: 'write routes[].rollout, or send a plan' }
  t.match((await post()).json(), { status: 422, code: 'no_plan', detail: /send a plan/ })
})

t.test('bodies that are none are refused with every fault, before anything is asked', async t => {
  const { rollouts, post } = await fixture()
  const cases: ReadonlyArray<readonly [string, object | string, readonly string[]]> = [
    ['', { to: 'canary', reason: 'two\nlines' }, ['body/reason']],
    ['', [PLAN], ['body']],
    ['/pause', { reason: 5, why: 'x' }, ['body/why', 'body/reason']],
    ['/pause', { full: true }, ['body/full']],
    ['/promote', { full: 'yes', reason: 'x'.repeat(501) }, ['body/full', 'body/reason']],
    ['/retry', [], ['body']]
  ]
  for (const [below, payload, paths] of cases) {
    const answer = await post(below, payload)
    const what = `${below} ${JSON.stringify(payload).slice(0, 40)}`
    t.match(answer.json(), { status: 400, code: 'invalid_request' }, what)
    t.same(answer.json<{ errors: { path: string }[] }>().errors.map(({ path }) => path).sort(), [...paths].sort(), what)
  }
  t.match((await post('', '{"to":', { 'content-type': 'application/json' })).json(), { status: 400, code: 'malformed_body' })
  t.match((await post('', 'to=canary', { 'content-type': 'text/plain' })).json(), { status: 415, code: 'unsupported_media_type' })
  t.match((await post('/stop')).json(), { status: 404, code: 'not_found' })
  t.match((await post('?wait=some')).json(), { errors: [{ path: 'query/wait' }] })
  t.match((await post('/pause', { reason: 'two\nlines' })).json(), { detail: 'body/reason has to be one line, without control characters and invisible marks' })
  t.match((await post('/abort?wait=all&timeout=0')).json(), { detail: 'query/timeout has to be a whole number and a unit, such as 250ms, 5s or 2m' })
  t.match((await post('/abort?wait=all&timeout=31s')).json(), { errors: [{ path: 'query/timeout' }] })
  t.same(rollouts.asked, [])
})

t.test('wait=all tells how far the workers came', async t => {
  const { post } = await fixture()
  t.match((await post('?wait=all', PLAN)).json(), { applied: { workers: 2, applied: 2, complete: true, tookMs: 1.5 } })
  t.match((await post('/abort?wait=all')).json(), { applied: { complete: true }, rollout: { phase: 'Aborted' } })
})

t.test('a route that there is not, and one without a rollout, are 404 with the remedy', async t => {
  const { app, get } = await fixture()
  for (const below of ['rollout', 'verdict']) {
    t.match((await get(`/v1/routes/nope/${below}`)).json(), { status: 404, code: 'unknown_route', detail: /GET \/v1\/routes/ }, below)
    t.match((await get(`/v1/routes/hello/${below}`)).json(), { status: 404, code: 'no_rollout', detail: /POST \/v1\/routes\/hello\/rollout/, possible: ['start'] }, below)
  }
  for (const below of ['', '/pause']) {
    t.match((await app.inject({ method: 'POST', url: `/v1/routes/nope/rollout${below}`, headers: host })).json(), { status: 404, code: 'unknown_route' })
  }
})

t.test('a store that fails is said without paths, in a refusal and where it is still owed', async t => {
  const { rollouts, post, get } = await fixture()
  rollouts.refusal = { code: 'store_failed', message: 'can\'t write /secret/state.json: no space' }
  const refused = await post('', PLAN)
  t.match(refused.json(), { status: 503, code: 'store_failed', detail: /no space/ })
  rollouts.refusal = undefined
  await post('', PLAN)
  if (rollouts.current !== undefined) rollouts.current = { ...rollouts.current, pending: 'can\'t write /secret/state.json: no space' }
  const owed = await get(ROLLOUT)
  t.match(owed.json(), { pending: /no space/ })
  t.notMatch(refused.body + owed.body, 'secret')
})

t.test('routes say in short what their rollout does, while it runs', async t => {
  const { get, traffic } = await fixture()
  const short = { phase: 'Progressing', from: 'stable', to: 'canary', step: 1, steps: 2, doing: 'analyse 2m' }
  const meta = { actor: 'local', reason: '', source: 'api' } as const
  const read = readPlan({ to: 'canary', steps: [{ setWeight: 20 }, { analyse: { for: '2m' } }] }, { weights: { stable: 90, canary: 10 } })
  if (!read.ok) throw new Error(read.faults.map(({ message }) => message).join())
  await traffic.change('hello', { type: 'rollout', event: { type: 'start', plan: read.plan, id: 'r1', salt: '' } }, meta)
  t.same((await get('/v1/routes')).json<{ routes: { rollout?: object }[] }>().routes[0]?.rollout, short)
  t.same((await get('/v1/routes/hello')).json<{ rollout?: object }>().rollout, short)
  await traffic.change('hello', { type: 'rollout', event: { type: 'abort' } }, meta)
  t.notMatch((await get('/v1/routes')).body + (await get('/v1/routes/hello')).body, '"rollout":')
})

t.test('the verdict is what a web provider of Argo can read: 200, a word, and numbers as numbers', async t => {
  const { rollouts, post, get } = await fixture()
  await post('', PLAN)
  const none = await get('/v1/routes/hello/verdict')
  t.match(none.json(), { verdict: 'undecided', reason: /nothing was judged yet/ })
  for (const verdict of ['pass', 'fail', 'undecided'] as const) {
    rollouts.said = { ...SAID, verdict }
    const answer = await get('/v1/routes/hello/verdict')
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], /^application\/json/)
    t.same(answer.json(), { route: 'hello', rollout: 'r1', phase: 'Progressing', ...SAID, verdict })
  }
})

t.test('a webhook of Flagger gets 200 for yes and 409 for no, whatever it sends', async t => {
  const { app, rollouts, post } = await fixture()
  await post('', PLAN)
  const open = { pass: ['rollout', 'confirm-traffic-increase'], fail: ['rollback'], undecided: ['rollout'] } as const
  const payload = { name: 'hello', namespace: 'shop', phase: 'Progressing', checksum: '5f8b6c9d7', metadata: { any: 'thing' } }
  const ask = async (gate: string, sent?: object) =>
    await app.inject({ method: 'POST', url: `/v1/routes/hello/verdict/${gate}`, headers: host, ...(sent === undefined ? {} : { payload: sent }) })
  for (const verdict of ['pass', 'fail', 'undecided'] as const) {
    rollouts.said = { ...SAID, verdict }
    for (const gate of ['rollout', 'confirm-traffic-increase', 'rollback'] as const) {
      const isOpen = (open[verdict] as readonly string[]).includes(gate)
      const answer = await ask(gate, payload)
      t.equal(answer.statusCode, isOpen ? 200 : 409, `${verdict} ${gate}`)
      t.match(answer.json(), isOpen ? { verdict } : { code: 'gate_closed', detail: new RegExp(`^${gate}: the verdict is ${verdict}: a pass needs`) })
    }
  }
  rollouts.said = { ...SAID, verdict: 'pass', pause: true }
  t.equal((await ask('confirm-traffic-increase')).statusCode, 409, 'both versions fail alike')
  t.equal((await ask('rollout')).statusCode, 200, 'without a body')
  t.match((await ask('confirm-promotion', {})).json(), { status: 400, errors: [{ path: 'params/gate', message: /rollout, confirm-traffic-increase, rollback/ }] })
  rollouts.current = undefined
  t.match((await ask('rollback', {})).json(), { status: 404, code: 'no_rollout' })
})

t.test('a viewer may look and ask the gates, also by a password, and change nothing', async t => {
  const directory = t.testdir({ viewer: 'viewer-token-0123456789', operator: 'operator-token-0123456789' })
  const { app, rollouts } = await adminFixture({ tokens: (['viewer', 'operator'] as const).map(role => ({ name: role, role, file: join(directory, role) })) })
  const send = async (method: 'GET' | 'POST', url: string, authorization: string) => (await app.inject({ method, url, headers: { authorization } })).statusCode
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const viewer = 'Bearer viewer-token-0123456789'
  const operator = 'Bearer operator-token-0123456789'
  for (const below of ['', ...ACTIONS.map(type => `/${type}`)]) t.equal(await send('POST', `${ROLLOUT}${below}`, viewer), 403, below)
  t.same(rollouts.asked, [])
  t.equal(await send('POST', ROLLOUT, operator), 200)
  t.match(rollouts.asked, [{ meta: { actor: 'operator' } }])
  rollouts.said = { ...SAID, verdict: 'fail' }
  for (const authorization of [viewer, basic('weir:viewer-token-0123456789'), basic(':operator-token-0123456789')]) {
    t.equal(await send('GET', '/v1/routes/hello/verdict', authorization), 200)
    t.equal(await send('POST', '/v1/routes/hello/verdict/rollback', authorization), 200)
    t.equal(await send('POST', '/v1/routes/hello/verdict/rollout', authorization), 409)
  }
  t.equal(await send('GET', ROLLOUT, viewer), 200)
  for (const wrong of ['', basic('weir:another-token-0123456789'), basic('viewer-token-0123456789'), 'Basic !', 'Basic']) {
    t.equal(await send('POST', '/v1/routes/hello/verdict/rollback', wrong), 401, wrong)
  }
  t.equal(await send('POST', `${ROLLOUT}/abort`, basic('weir:operator-token-0123456789')), 401, 'a password changes nothing')
  t.equal(await send('GET', ROLLOUT, basic('weir:viewer-token-0123456789')), 401)
})
