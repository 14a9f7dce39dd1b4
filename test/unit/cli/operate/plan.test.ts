import t from 'tap'
import { benchOf } from '../../../helpers/operate-bench.ts'

const ANSWER = {
  route: 'hello',
  epoch: 3,
  changed: true,
  weights: { now: { stable: 90, canary: 10 }, after: { stable: 50, canary: 50 } },
  clients: { seen: 812, sampled: 812, seconds: 281.4, moved: 0.404, margin: 0, moves: [{ from: 'stable', to: 'canary', share: 0.404 }] },
  versions: [
    { name: 'stable', weight: { now: 90, after: 50 }, requestsPerSecond: { now: 181.2, after: 98.7 }, endpoints: 4, perEndpoint: { now: 45.3, after: 24.675 } },
    { name: 'canary', weight: { now: 10, after: 50 }, requestsPerSecond: { now: 19.8, after: 102.3 }, endpoints: 0 }
  ],
  warnings: [{ code: 'no_endpoints', detail: '"canary" would have a weight of 50 and has no endpoint\u001b[31m' }]
}

t.test('weir plan prints what would move, the load of each endpoint, and the warnings', async t => {
  const bench = benchOf(() => ANSWER)
  t.equal(await bench.run('plan', 'hello', 'stable=50', 'canary=50'), 0)
  t.match(bench.asked[0], { method: 'POST', path: '/v1/routes/hello/plan', body: { weights: { stable: 50, canary: 50 } } })
  t.equal(bench.out, [
    'hello: 40.4 % of the 812 clients of the last 281 s would move: stable to canary 40.4 %',
    'VERSION   WEIGHT   AFTER   REQ/S   AFTER   ENDPOINTS   EACH   AFTER',
    'stable        90      50     181    98.7           4   45.3    24.7',
    'canary        10      50    19.8     102           0      -       -',
    '',
    '! "canary" would have a weight of 50 and has no endpoint\\u001b[31m',
    ''
  ].join('\n'))
})

t.test('weir plan --to asks for a switch; weights and --to exclude each other', async t => {
  const bench = benchOf(() => ({ ...ANSWER, changed: false }))
  t.equal(await bench.run('plan', 'hello', '--to', 'canary'), 0)
  t.match(bench.asked[0], { body: { to: 'canary' } })
  t.match(bench.out, /^hello: has these weights already, nothing would move\n/)
  t.equal(await bench.run('plan', 'hello', '--to', 'canary', 'stable=1'), 2)
  t.equal(await bench.run('plan', 'hello'), 2)
  t.match(bench.errors, /^weir plan: it takes the weights of all versions/)
})

t.test('a sample is said to be one', async t => {
  const bench = benchOf(() => ({ ...ANSWER, warnings: [], clients: { ...ANSWER.clients, seen: 9_000, margin: 0.031 } }))
  await bench.run('plan', 'hello', 'stable=50', 'canary=50')
  t.match(bench.out, 'hello: 40.4 % of the about 9000 clients of the last 281 s would move (± 3.1 %, from 812 of them): stable to canary 40.4 %')
  const nobody = benchOf(() => ({ ...ANSWER, clients: { ...ANSWER.clients, moved: null } }))
  await nobody.run('plan', 'hello', 'stable=50', 'canary=50')
  t.match(nobody.out, 'hello: no client whose version depends on the weights was seen in the last minutes')
})
