/** The commands on an admin API in memory: what they ask, what they print, and their exit codes. */
import t, { type Test } from 'tap'
import { parse as parseYaml } from 'yaml'
import { CommandError } from '../../../../src/cli/operate/command-error.ts'
import { benchOf } from '../../../helpers/operate-bench.ts'
import { until } from '../../../helpers/until.ts'

const ROUTES = {
  routes: [
    { name: 'hello', epoch: 3, revision: 3, weights: { stable: 75, canary: 25 }, readyEndpoints: { stable: 2, canary: 0 } },
    { name: 'shop', epoch: 1, revision: 1, weights: { blue: 1, green: 0 }, readyEndpoints: { blue: 1, green: 1 } }
  ]
}

const HELLO = {
  name: 'hello',
  epoch: 3,
  revision: 3,
  versions: [
    {
      name: 'stable',
      weight: 75,
      targetShare: 0.75,
      observed: { requests: 7510, share: 0.751 },
      clientShare: 0.75,
      source: { kind: 'kubernetes', state: 'synced' },
      availableEndpoints: 1,
      panic: 'none',
      endpoints: [
        { address: '10.0.0.1', port: 8080, ready: true, terminating: false, health: { available: 'all', reasons: [] } },
        { address: 'fd00::2', port: 8080, ready: true, terminating: true, health: { reasons: [{ kind: 'ejected', detail: '5 failures in a row' }] } }
      ]
    },
    {
      name: 'canary',
      weight: 25,
      targetShare: 0.25,
      source: { kind: 'kubernetes', state: 'synced', problem: 'no-slices', detail: 'no EndpointSlice names lab/hello\u0007' },
      availableEndpoints: 0,
      panic: 'all',
      endpoints: []
    }
  ]
}

const CHANGED = {
  route: 'hello', epoch: 4, revision: 4, changed: true, weights: { stable: 50, canary: 50 }, applied: { workers: 2, applied: 2, complete: true, tookMs: 1.4 }
}

t.test('status lists every version of every route', async t => {
  const bench = benchOf(() => ROUTES)
  t.equal(await bench.run('status'), 0)
  t.match(bench.asked, [{ path: '/v1/routes', timeoutMs: 10_000 }])
  t.equal(bench.out, [
    'ROUTE   VERSION   WEIGHT   SHARE   ENDPOINTS   SPLIT',
    'hello   stable        75    75 %           2   ███████████████',
    '        canary        25    25 %           0   █████',
    'shop    blue           1   100 %           1   ████████████████████',
    '        green          0     0 %           1',
    ''
  ].join('\n'))
})

t.test('status of a route shows target and observed shares, and what is wrong, printable', async t => {
  const bench = benchOf(() => HELLO)
  t.equal(await bench.run('status', 'hello', '-o', 'wide'), 0)
  t.equal(bench.out, [
    'hello   epoch 3, revision 3',
    '',
    'VERSION   WEIGHT   SHARE   OBSERVED   CLIENTS   REQUESTS   ENDPOINTS   SPLIT',
    'stable        75    75 %     75.1 %      75 %       7510   1/2         ███████████████',
    'canary        25    25 %          -         -          -   0/0         █████',
    '',
    'canary: no-slices: no EndpointSlice names lab/hello\\u0007',
    'canary: panic in all workers: too few endpoints are available, so all are used',
    '',
    'VERSION   ENDPOINT         CONDITION     HEALTH',
    'stable    10.0.0.1:8080    ready         available',
    'stable    [fd00::2]:8080   terminating   ejected: 5 failures in a row',
    ''
  ].join('\n'))
})

t.test('status tells of a match that a rollout has left', async t => {
  const bench = benchOf(() => ({ ...HELLO, rolloutMatch: { version: 'canary', match: 'header x-beta=1' } }))
  t.equal(await bench.run('status', 'hello'), 0)
  t.match(bench.out, /^hello {3}epoch 3, revision 3\nmatch of a rollout: header x-beta=1 gets canary\n\nVERSION/)
})

t.test('with several replicas, status shows what all have seen, and who did not answer', async t => {
  const missing = [{ name: 'weir-2', address: '10.0.0.2:9901', reason: 'it gave no answer within 300 ms' }]
  const sums = [{ name: 'stable', requests: 20, share: 0.8, inFlight: 1 }, { name: 'canary', requests: 5, share: 0.2, inFlight: 0 }]
  const bench = benchOf(() => ({ ...HELLO, cluster: { replicas: { answered: 2, of: 3 }, missing, versions: sums } }))
  t.equal(await bench.run('status', 'hello'), 0)
  t.match(bench.out, /^hello {3}epoch 3, revision 3, 2 of 3 replicas answer; CLIENTS are those of one\n/)
  t.match(bench.out, /stable +75 +75 % +80 % +75 % +20 /)
  t.match(bench.out, 'observed is without weir-2 (10.0.0.2:9901): it gave no answer within 300 ms\n')
})

t.test('replicas lists them with what is wrong', async t => {
  const bench = benchOf(() => ({
    replicas: [
      { name: 'weir-1', address: '10.0.0.1:9901', self: true, ready: true, answering: true, epochLag: { max: 0 }, workers: 2, version: '0.1.0' },
      { address: '10.0.0.2:9901', self: false, ready: false, answering: false, reason: 'nothing listens there', epochLag: { max: 2 } }
    ],
    unknown: 'the EndpointSlices were not read yet'
  }))
  t.equal(await bench.run('replicas'), 0)
  t.equal(bench.out, [
    'NAME             ADDRESS         READY   ANSWERS                     CHANGES BEHIND',
    'weir-1 (asked)   10.0.0.1:9901   yes     yes                                      0',
    '?                10.0.0.2:9901   no      no: nothing listens there                2',
    '',
    'There may be others: the EndpointSlices were not read yet',
    ''
  ].join('\n'))
})

t.test('colours are for terminals, and never in what programs read', async t => {
  const coloured = benchOf(() => ROUTES, { isTerminal: true, colours: true })
  await coloured.run('status')
  t.match(coloured.out, '\u001b[31m0\u001b[0m', 'a version with weight and no endpoint is red')
  const json = benchOf(() => ROUTES, { isTerminal: true, colours: true })
  t.equal(await json.run('status', '-o', 'json'), 0)
  t.same(JSON.parse(json.out), ROUTES)
  const yaml = benchOf(() => ROUTES)
  await yaml.run('status', '-o', 'yaml')
  t.match(yaml.out, /^routes:\n {2}- name: hello\n/)
})

t.test('status --watch draws again in place, shows what fails, and leaves the screen as it was', async t => {
  let looks = 0
  const bench = benchOf(() => {
    if (++looks === 2) throw new CommandError('http://127.0.0.1:9901 can\'t be reached: ECONNREFUSED')
    return ROUTES
  }, { isTerminal: true })
  const ended = bench.run('status', '--watch', '--interval', '1s')
  for (let look = 1; look < 3; look++) {
    await until(() => bench.clock.pending === 1)
    bench.clock.advance(1_000)
  }
  await until(() => bench.clock.pending === 1)
  t.equal(looks, 3)
  t.equal(bench.out.split('\u001b[H\u001b[J').length, 4, 'three screens')
  t.match(bench.out, 'ECONNREFUSED')
  bench.interrupt.abort()
  t.equal(await ended, 0)
  t.ok(bench.out.startsWith('\u001b[?1049h\u001b[?25l'), 'a screen of its own, without a cursor')
  t.match(bench.out, '\u001b[?25h\u001b[?1049lROUTE', 'what was seen last stays')
  t.equal(bench.errors, '')
})

t.test('status --watch that is piped writes one table below the other', async t => {
  const bench = benchOf(() => ROUTES)
  const ended = bench.run('status', '-w')
  await until(() => bench.clock.pending === 1)
  bench.clock.advance(2_000)
  await until(() => bench.clock.pending === 1)
  bench.interrupt.abort()
  await ended
  t.equal(bench.out.split('ROUTE').length, 3)
  t.notMatch(bench.out, '\u001b')
})

t.test('changes are asked for with their reason and epoch, and wait for all workers', async t => {
  const bench = benchOf(() => CHANGED)
  t.equal(await bench.run('weights', 'hello', 'stable=50', 'canary=50%', '-r', 'half', '--if-epoch', '3'), 0)
  t.equal(await bench.run('switch', 'a b', 'canary', '--no-wait'), 0)
  t.equal(await bench.run('undo', 'hello', '--to', '2', '--wait-timeout', '30s', '--timeout', '1s'), 0)
  t.equal(await bench.run('undo', 'hello'), 0)
  t.match(bench.asked, [
    { method: 'PUT', path: '/v1/routes/hello/weights?wait=all&timeout=5000ms', body: { weights: { stable: 50, canary: 50 }, reason: 'half' }, ifEpoch: 3, timeoutMs: 15_000 },
    { method: 'POST', path: '/v1/routes/a%20b/switch', body: { to: 'canary' }, ifEpoch: undefined, timeoutMs: 10_000 },
    { method: 'POST', path: '/v1/routes/hello/undo?wait=all&timeout=30000ms', body: { revision: 2 }, timeoutMs: 31_000 },
    { method: 'POST', path: '/v1/routes/hello/undo?wait=all&timeout=5000ms', body: {} }
  ])
  t.match(bench.out, /^hello: stable 50, canary 50 \(epoch 4\), applied by 2 of 2 workers in 1\.4 ms\n/)
})

t.test('a change that not all have applied in time ends with 3, and says so', async t => {
  const bench = benchOf(() => ({ ...CHANGED, changed: false, applied: { workers: 2, applied: 1, complete: false, tookMs: 5_000 } }))
  t.equal(await bench.run('weights', 'hello', 'stable=50', 'canary=50'), 3)
  t.equal(bench.out, 'hello: stable 50, canary 50 (epoch 4), as it was already\nstored, and not yet applied by all: 1 of 2 workers have it\n')
})

t.test('with several replicas a change says how many of them have it, and which do not', async t => {
  const applied = { workers: 6, applied: 6, complete: true, tookMs: 12.4, replicas: { applied: 3, of: 3 }, summary: '3/3 replicas, 6/6 workers, 12 ms' }
  const all = benchOf(() => ({ ...CHANGED, applied }))
  t.equal(await all.run('switch', 'hello', 'canary'), 0)
  t.match(all.out, /\(epoch 4\), applied by 3\/3 replicas, 6\/6 workers, 12 ms\n/)
  const summary = '2/3 replicas, 4/6 workers, 5000 ms; not weir-2 (10.0.0.2:9901): it gave no answer within 5000 ms'
  const two = benchOf(() => ({ ...CHANGED, applied: { ...applied, applied: 4, complete: false, summary } }))
  t.equal(await two.run('switch', 'hello', 'canary'), 3)
  t.match(two.out, /\nstored, and not yet applied by all: 2\/3 replicas, 4\/6 workers, 5000 ms have it\n {2}not weir-2 \(10\.0\.0\.2:9901\): it gave no answer within 5000 ms\n$/)
})

t.test('drain says whether it is safe, by text and exit code; with --wait it asks until it is', async t => {
  const answers = [['1 request is in flight'], ['1 request is in flight'], []]
  const bench = benchOf(({ path }) => {
    const why = (path.includes('wait') ? answers.shift() : undefined) ?? ['it has the weight 5']
    return { route: 'hello', version: 'canary', workers: { running: 2, applied: 2 }, safe: answers.length === 0, why }
  })
  t.equal(await bench.run('drain', 'hello', 'canary'), 3)
  t.equal(bench.out, 'canary of hello is not safe to scale down (2 of 2 workers apply the weights of now):\n  it has the weight 5\n')
  const ended = bench.run('drain', 'hello', 'canary', '--wait', '--wait-timeout', '1m')
  for (let look = 0; look < 2; look++) {
    await until(() => bench.clock.pending === 1)
    bench.clock.advance(200)
  }
  t.equal(await ended, 0)
  t.equal(bench.errors, 'waiting: 1 request is in flight\n', 'said once')
  t.match(bench.out, /canary of hello is safe to scale down \(2 of 2 workers apply the weights of now\)\n$/)
  t.match(bench.asked[1], { path: '/v1/routes/hello/versions/canary/drain?wait=true&timeout=30000ms', timeoutMs: 40_000 })
})

t.test('shadow says what copies have come to, and shows those that differ', async t => {
  const bench = benchOf(({ path }) => path.endsWith('examples')
    ? { examples: [{ at: '2026-05-04T08:15:30.123Z', kind: 'body', requestId: 'a1', method: 'GET', path: '/a', endpoint: '10.0.0.9:80', headers: [], real: { status: 200, bytes: 2, digest: 'abcdef0123' }, shadow: null }] }
    : {
        route: 'hello',
        mirror: { to: 'canary', percent: 10, source: 'rollout' },
        versions: [{
          to: 'canary',
          drawn: 4,
          sent: 3,
          same: 1,
          different: { status: 0, body: 1 },
          failed: { timeout: 1 },
          dropped: { method: 1, loop: 0 },
          serverErrors: 0,
          uncompared: 0,
          cut: 0,
          latency: { real: { p50Seconds: 0.001, p99Seconds: 0.01 }, shadow: { p50Seconds: 0.002, p99Seconds: 0.02 } }
        }]
      })
  t.equal(await bench.run('shadow', 'status', 'hello'), 0)
  t.equal(bench.out.replace(/ +/g, ' '), `10 % of the clients of hello are copied to canary, as its rollout says.

COPIES TO canary COUNT
drawn 4
sent 3
same 1
different: body 1
failed: timeout 1
not copied: method 1
First byte, median / 99 %: real 1.0 ms / 10.0 ms, copy 2.0 ms / 20.0 ms
`)
  bench.out = ''
  t.equal(await bench.run('shadow', 'examples', 'hello'), 0)
  t.match(bench.out, /2026-05-04T08:15:30Z +body +GET \/a +200, 2 bytes abcdef01 +-/)
})

t.test('what comes from outside can\'t move a terminal, as a table, JSON or YAML, nor add lines', async t => {
  const evil = 'a\u001b[2J\u009b2J\u202eb\nc'
  const shadow = { route: evil, versions: [{ to: evil, dropped: { [evil]: 1 } }] }
  const changed = { route: evil, epoch: 1, weights: { [evil]: 1 }, applied: { complete: false, summary: `${evil}; ${evil}` }, note: '\u202e alone', page: 'two\nlines' }
  for (const [answer, args] of [[shadow, ['shadow', 'status', 'hello']], [changed, ['switch', 'hello', 'b']]] as const) {
    for (const format of ['table', 'json', 'yaml']) {
      const bench = benchOf(() => answer)
      await bench.run(...args, '-o', format)
      t.notMatch(bench.out, /(?!\n)[\p{Cc}\p{Cf}]/u, `${args[0]} -o ${format}`)
      if (format === 'table') t.notMatch(bench.out, /^c/m, 'nothing begins a line')
      if (format === 'yaml') t.same(parseYaml(bench.out), answer, 'programs read what was said')
      if (format === 'yaml' && args[0] === 'switch') t.match(bench.out, 'page: |-\n  two\n  lines\n')
    }
  }
})

t.test('history and explain ask for what the flags say', async t => {
  const bench = benchOf(({ path }) => path.includes('history')
    ? { revisions: [{ revision: 2, epoch: 2, actor: 'ops', reason: 'looks good', source: 'api', action: 'weights', before: { a: 1 }, after: { a: 2, b: 1 }, at: '2026-05-04T08:15:30.123Z' }] }
    : { version: 'canary', endpoint: null, why: ['the client is recognised by its IP 10.0.0.1', 'forged\nline'] })
  t.equal(await bench.run('history', 'hello', '--limit', '5'), 0)
  t.equal(bench.out, 'REVISION   AT                     BY    ACTION    WEIGHTS   REASON\n       2   2026-05-04T08:15:30Z   ops   weights   a=2 b=1   looks good\n')
  bench.out = ''
  t.equal(await bench.run('explain', 'hello', '--ip', '10.0.0.1', '-H', 'x-user: 42', '-H', 'cookie: a=1', '--path', '/a?b=c'), 0)
  t.equal(bench.out, 'canary\n  the client is recognised by its IP 10.0.0.1\n  forged\\nline\n')
  t.match(bench.asked.map(({ path }) => path), [
    '/v1/routes/hello/history?limit=5', '/v1/routes/hello/explain?ip=10.0.0.1&path=%2Fa%3Fb%3Dc&header=x-user%3A+42&header=cookie%3A+a%3D1'
  ])
})

t.test('what goes wrong is one line with the name of the command, and an exit code', async t => {
  const cases: ReadonlyArray<readonly [readonly string[], number, RegExp]> = [
    [['weights', 'hello', 'stable'], 2, /^weir weights: a weight is written as VERSION=NUMBER, such as canary=25, not "stable"\n$/],
    [['weights', 'hello', 'a=1', 'a=2'], 2, /the version "a" has two weights/],
    [['weights', 'hello', 'a=-1'], 2, /VERSION=NUMBER/],
    [['weights', 'hello'], 2, /missing required argument 'weights'/],
    [['explain', 'hello'], 2, /^weir explain: it takes --ip/],
    [['explain', 'hello', '--ip', '::1', '-H', 'x-user'], 2, /^weir explain: --header takes NAME:VALUE, such as x-user:anna, not "x-user"\n$/],
    [['explain', 'hello', '--ip', '::1', '--cookie', 'beta'], 2, /--cookie takes NAME=VALUE, .* not "beta"/],
    [['explain', 'hello', '--ip', '::1', '--cookie', 'a=1; b=2'], 2, /--cookie takes NAME=VALUE/],
    [['explain', 'hello', '--ip', '::1', '--list', 'beta='], 2, /--list takes LIST=MEMBER, such as beta=anna, not "beta="/],
    [['status', 'a', 'b'], 2, /too many arguments/],
    [['status', '--\u001b[31mred'], 2, /^unknown option '--\\u001b\[31mred'\n/],
    [['rollout', '\u001b[31mred'], 2, /^unknown command '\\u001b\[31mred'\n/],
    [['status', '--frobnicate'], 2, /unknown option '--frobnicate'/],
    [['status', '--waatch'], 2, /--watch/],
    [['status', '-o', 'xml'], 2, /table, wide, json, yaml/],
    [['status', '--timeout', '5'], 2, /not a duration/],
    [['undo', 'hello', '--to', 'x'], 2, /whole number/],
    [['status', '--token', 'a', '--token-file', 'b'], 2, /cannot be used with/],
    [['status', '--server', 'localhost:9901'], 2, /has to be a URL such as http:\/\/127\.0\.0\.1:9901/],
    [['status', '--token', 'geheim nis'], 2, /--token: is no token/],
    [['status', 'hello'], 1, /^weir status: Weir\\u001b\[31m said no\n$/]
  ]
  for (const [args, code, message] of cases) {
    const bench = benchOf(() => { throw new CommandError('Weir\u001b[31m said no') })
    t.equal(await bench.run(...args), code, args.join(' '))
    t.match(bench.errors, message)
    t.notMatch(bench.errors, /geheim nis/)
    t.notOk(bench.errors.includes('\u001b'))
    t.equal(bench.out, '')
  }
})

t.test('an answer that says nothing of what was asked is a failure, not a success', async t => {
  const commands = [['status'], ['status', 'a'], ['weights', 'a', 'b=1'], ['undo', 'a'], ['history', 'a'], ['explain', 'a', '--ip', '::1'], ['drain', 'a', 'b'], ['replicas']]
  for (const args of commands) {
    for (const answer of [{}, { routes: null, versions: null, route: null, revisions: null, why: null, safe: null, replicas: null }]) {
      const bench = benchOf(() => answer)
      t.equal(await bench.run(...args), 1, args.join(' '))
      t.match(bench.errors, /the answer has no /)
      t.equal(bench.out, '')
    }
  }
})

t.test('Ctrl-C in the middle of a question ends with 130 and no words', async t => {
  const bench = benchOf(async ({ signal }) => await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(new CommandError('aborted')) })
  }))
  const ended = bench.run('status')
  await until(() => bench.asked.length === 1)
  bench.interrupt.abort()
  t.equal(await ended, 130)
  t.equal(bench.errors, '')
})

t.test('help of a command goes to standard output and ends with 0', async t => {
  for (const command of ['status', 'weights', 'switch', 'undo', 'history', 'explain', 'drain', 'contexts']) {
    const bench = benchOf(() => ({}))
    t.equal(await bench.run(command, '--help'), 0, command)
    t.match(bench.out, new RegExp(`^Usage: weir ${command} `))
    t.match(bench.out, 'Exit codes')
  }
})

async function complete (t: Test, ...words: readonly string[]): Promise<string> {
  const bench = benchOf(() => ROUTES)
  t.equal(await bench.run('complete', '--', ...words), 0)
  return bench.out.trim().split('\n').join(' ')
}

t.test('completion offers commands, flags, and the names that the server knows', async t => {
  t.equal(await complete(t, 'st'), 'status state')
  t.equal(await complete(t, 'status', ''), 'hello shop')
  t.equal(await complete(t, 'status', 'hello', ''), '')
  t.equal(await complete(t, 'switch', '-o', 'json', 'shop', ''), 'blue green')
  t.equal(await complete(t, 'weights', 'hello', 'stable=75', ''), 'canary=')
  t.equal(await complete(t, 'status', '-o', ''), 'table wide json yaml')
  t.equal(await complete(t, 'drain', '--wait'), '--wait --wait-timeout')
  t.equal(await complete(t, 'completion', 'f'), 'fish')
  t.equal(await complete(t, 'state', 'e'), 'export')
  t.equal(await complete(t, 'help', 'rollout', 'st'), 'start status')
  t.equal(await complete(t, 'help', 'run', ''), '')
  t.equal(await complete(t, 'frobnicate', ''), '')
  const lists = benchOf(({ path }) => path === '/v1/routes/hello/lists' ? { lists: [{ name: 'beta' }, { name: 'office' }] } : {})
  await lists.run('complete', '--', 'explain', 'hello', '--ip', '::1', '--list', 'b')
  t.equal(lists.out, 'beta=\n')
})

t.test('completion says nothing when the server can\'t be asked', async t => {
  const bench = benchOf(() => { throw new CommandError('no') })
  t.equal(await bench.run('complete', '--', 'status', ''), 0)
  t.equal(bench.out + bench.errors, '')
})
