import t from 'tap'
import { RequestRecaller } from '../../../src/control/request-recaller.ts'
import { HELLO } from '../../helpers/explain-bench.ts'
import type { RecalledRequest } from '../../../src/contract/questions.ts'
import { RouteBook } from '../../../src/routes/route-book.ts'

const REQUEST: RecalledRequest = {
  wallMs: Date.UTC(2026, 0, 1),
  durationMs: 1.23456,
  status: 200,
  attempts: 1,
  route: 'hello',
  version: 'canary',
  endpoint: '127.0.0.1:9002',
  keyKind: 'cookie',
  keyHash: -1,
  epoch: 3,
  error: '',
  fault: '',
  retried: '',
  fallbackFrom: '',
  failedOverFrom: '',
  placement: '',
  placedBy: '',
  now: null
}
const NOW: NonNullable<RecalledRequest['now']> = {
  placement: '',
  rules: [],
  actions: [],
  epoch: 3,
  keyKind: 'cookie',
  keyHash: -1,
  versions: [
    { version: 'stable', weight: 1, score: 0.5, used: 1, members: 1, panic: false, leftOut: [] },
    { version: 'canary', weight: 1, score: 0.25, used: 1, members: 1, panic: false, leftOut: [] }
  ],
  chosen: 'canary',
  version: 'canary',
  endpoint: null,
  outcome: 'attempt',
  failoverTo: null
}

/** The answers of workers, each of which remembers one request or none. */
function setUp (...requests: ReadonlyArray<RecalledRequest | null>) {
  const route = { ...HELLO, affinity: { by: 'cookie', cookie: 'sid', level: 'version' } } as const
  const recaller = new RequestRecaller({
    routes: new RouteBook([{ ...route, affinity: { ...route.affinity } }]),
    recall: async () => ({
      answers: new Map(requests.map((request, worker) => [worker, { remembered: 9, oldestWallMs: Date.UTC(2026, 0, 1), request }])),
      silent: []
    })
  })
  return async (name = 'hello') => await recaller.explain(name, 'an-id')
}

t.test('tells who answered, by which key, and that the weights are still the same', async t => {
  const answer = await setUp(null, { ...REQUEST, now: NOW })()
  t.match(answer, {
    matches: true,
    chosen: 'canary',
    version: 'canary',
    endpoint: '127.0.0.1:9002',
    outcome: 'past',
    epoch: 3,
    stickyKey: { kind: 'cookie', name: 'sid', value: 'ffffffff', hash: 'ffffffff', missing: null }
  })
  t.match(answer?.request, { id: 'an-id', worker: 1, at: '2026-01-01T00:00:00.000Z', status: 200, durationMs: 1.235, error: null })
  t.same(answer?.why, [
    'the request an-id came to worker 1 at 2026-01-01T00:00:00.000Z and got 200 after 1.235 ms',
    'the route "hello" took it',
    'the client was recognised by its cookie, which has the hash ffffffff',
    'the lowest score decides, and the weights are still the same: stable 0.5000 (weight 1), canary 0.2500 (weight 1) (epoch 3)',
    '"canary" was chosen',
    'the only attempt went to 127.0.0.1:9002'
  ])
})

t.test('tells which filter has answered, and of no draw', async t => {
  const told = async (error: string) => {
    const answer = await setUp({ ...REQUEST, keyKind: 'none', version: '', endpoint: '', error, attempts: 0 })()
    t.match(answer, { chosen: null, version: null, stickyKey: { kind: 'none', hash: null } })
    return answer?.why.slice(2)
  }
  t.same(await told('client_denied'), ['filters.clients denied the client before a version was chosen', 'no version was asked'])
  t.same(await told('rate_limited'), ['filters.rateLimit: the client had used up its rate before a version was chosen', 'no version was asked'])
  t.same(await told(''), ['filters.requestRedirect answered it before a version was chosen', 'no version was asked'])
})

t.test('tells a fallback, a failover, what failed before, and weights that have changed', async t => {
  const fallback = await setUp({
    ...REQUEST,
    version: 'stable',
    fallbackFrom: 'canary',
    keyKind: 'client-ip',
    now: { ...NOW, epoch: 5, chosen: 'stable' }
  })()
  t.match(fallback, { chosen: 'canary', version: 'stable', stickyKey: { missing: 'cookie "sid"' } })
  t.match(fallback?.why.join('\n'), /of epoch 3; they have changed since, and now, at epoch 5, the same client belongs to "stable"\n"canary" was chosen and had no endpoint, so "stable" was asked/)
  const failover = await setUp({ ...REQUEST, version: 'stable', failedOverFrom: 'canary', attempts: 2, retried: 'connect' })()
  t.match(
    failover?.why.join('\n'),
    /"canary" was chosen and failed, so "stable".*\nthe last of 2 attempts went to .*\nthe attempts before failed: connect$/
  )
  const unrouted = await setUp({ ...REQUEST, route: '', version: '', endpoint: '', status: 404, error: 'no_route' })()
  t.match(unrouted, { matches: false, matchedRoute: null, chosen: null, version: null, request: { status: 404, error: 'no_route' } })
  t.match(unrouted?.why, [/got 404 after 1\.235 ms, with the error no_route/, /no route had taken it/])
})

t.test('the latest of several counts, and one that nobody remembers is unknown', async t => {
  t.match(await setUp({ ...REQUEST, status: 201 }, { ...REQUEST, status: 202, wallMs: REQUEST.wallMs + 1 })(), {
    request: { status: 202, worker: 1 }
  })
  t.equal(await setUp(REQUEST)('nope'), undefined)
  await t.rejects(setUp(null, null)(), {
    code: 'unknown_request',
    message: /worker 0 remembers 9, the oldest of 2026-01-01T00:00:00\.000Z; worker 1 .*; requests in flight are not among them/
  })
  await t.rejects(setUp()(), { code: 'workers_silent' })
})
