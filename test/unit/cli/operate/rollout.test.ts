/** `weir rollout` and `weir verdict` on an admin API in memory. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { AdminAnswer } from '../../../../src/cli/operate/admin-api.ts'
import { AdminClient } from '../../../../src/cli/operate/admin-client.ts'
import { CommandError } from '../../../../src/cli/operate/command-error.ts'
import { HELLO_ROLLOUT, SAID } from '../../../helpers/fake-rollouts.ts'
import { benchOf, type OperateBench } from '../../../helpers/operate-bench.ts'
import { RawOrigin } from '../../../helpers/raw-origin.ts'
import { until } from '../../../helpers/until.ts'

const ROLLOUT = { ...HELLO_ROLLOUT, verdict: SAID }

const FAILED = {
  ...ROLLOUT,
  phase: 'Degraded',
  step: 1,
  waitsFor: null,
  shareTo: 0,
  sentence: 'canary failed: 8 of 200 requests failed; back at stable 100, canary 0',
  possible: ['retry', 'start'],
  verdict: { verdict: 'fail', code: 'errors', reason: 'canary: 8 of 200 requests failed, stable: 4 of 4000', from: { requests: 4_000, failures: 4, slow: 40 }, to: { requests: 200, failures: 8, slow: 2 } }
}

const CHANGED = {
  route: 'hello',
  epoch: 2,
  changed: true,
  weights: { stable: 95, canary: 5 },
  rollout: ROLLOUT,
  applied: { workers: 2, applied: 2, complete: true, tookMs: 1.4 }
}

const ROUTE = {
  name: 'hello',
  epoch: 2,
  revision: 2,
  rollout: { phase: 'Progressing', from: 'stable', to: 'canary', step: 1, steps: 3, doing: 'analyse 2m' },
  versions: [
    { name: 'stable', weight: 95, targetShare: 0.95, availableEndpoints: 2, panic: 'none', endpoints: [{}, {}] },
    { name: 'canary', weight: 5, targetShare: 0.05, availableEndpoints: 1, panic: 'none', endpoints: [{}, {}] }
  ]
}

/** Lets the command look again. */
async function passSecond (bench: OperateBench): Promise<void> {
  await until(() => bench.clock.pending === 1)
  bench.clock.advance(1_000)
}

t.test('start sends the plan of the flags, with reason and epoch, and says what comes next', async t => {
  const bench = benchOf(() => CHANGED)
  const steps = '5, analyse 2m,25%,  analyse 5000 requests,analyse 100, pause   10m,pause,ramp to 100 % over 10m,ramp 50 5m,12.5,weight 60 %, analyse 2m and 100 requests, await endpoints,endpoints'
  t.equal(await bench.run('rollout', 'start', 'hello', '--to', 'canary', '--from', 'stable', '--preset', 'canary', '--steps', steps, '-r', 'release 2', '--if-epoch', '1'), 0)
  t.match(bench.asked, [{
    method: 'POST',
    path: '/v1/routes/hello/rollout?wait=all&timeout=5000ms',
    ifEpoch: 1,
    timeoutMs: 15_000
  }])
  t.same(bench.asked[0]?.body, {
    to: 'canary',
    from: 'stable',
    preset: 'canary',
    steps: [
      { setWeight: 5 }, { analyse: { for: '2m' } }, { setWeight: 25 }, { analyse: { requests: 5_000 } }, { analyse: { requests: 100 } },
      { pause: { duration: '10m' } }, { pause: {} }, { ramp: { to: 100, over: '10m' } }, { ramp: { to: 50, over: '5m' } }, { setWeight: 12.5 },
      { setWeight: 60 }, { analyse: { for: '2m', requests: 100 } }, { awaitEndpoints: {} }, { awaitEndpoints: {} }
    ],
    reason: 'release 2'
  })
  t.equal(bench.out, [
    'hello: Progressing, step 2 of 3: analyse 2m; stable 95, canary 5 (epoch 2), applied by 2 of 2 workers in 1.4 ms',
    'canary has 5 % and is compared with stable',
    'next: weir rollout status hello waits until it is over, weir rollout watch hello shows it',
    ''
  ].join('\n'))
})

t.test('without flags it is the plan of the configuration', async t => {
  const bench = benchOf(() => CHANGED)
  t.equal(await bench.run('rollout', 'start', 'hello', '--no-wait'), 0)
  t.match(bench.asked, [{ path: '/v1/routes/hello/rollout' }])
  t.same(bench.asked[0]?.body, {})
})

t.test('a plan comes from a file or standard input, in YAML or JSON, and flags win over it', async t => {
  const directory = t.testdir({ 'plan.yaml': 'to: canary\nsteps:\n  - setWeight: 5\n  - pause: {}\n', 'list.yaml': '- 5\n', 'bad.yaml': 'a: [', 'long.yaml': `# ${'x'.repeat(70_000)}\n` })
  const bench = benchOf(() => CHANGED, { input: '{"to":"green","preset":"blue-green"}' })
  await bench.run('rollout', 'start', 'hello', '--plan', join(directory, 'plan.yaml'), '--to', 'blue')
  await bench.run('rollout', 'start', 'hello', '--plan', '-')
  t.same(bench.asked.map(({ body }) => body), [{ to: 'blue', steps: [{ setWeight: 5 }, { pause: {} }] }, { to: 'green', preset: 'blue-green' }])
  const faults = [['missing.yaml', /missing\.yaml can't be read: ENOENT/], ['list.yaml', /list\.yaml: a plan is a mapping/], ['bad.yaml', /bad\.yaml: /], ['long.yaml', /more than 64 KiB/]] as const
  for (const [file, message] of faults) {
    const refused = benchOf(() => CHANGED)
    t.equal(await refused.run('rollout', 'start', 'hello', '--plan', join(directory, file)), 2, file)
    t.match(refused.errors, message)
    t.match(refused.errors, /^weir rollout start: /)
    t.same(refused.asked, [])
  }
})

t.test('words that are no step are shown, with what is one', async t => {
  for (const steps of ['', '5,,6', 'five', 'pause 10', 'analyse', 'analyse soon', 'ramp 100', '5 analyse 2m', '-5', '1e3']) {
    const bench = benchOf(() => CHANGED)
    t.equal(await bench.run('rollout', 'start', 'hello', `--steps=${steps}`), 2, steps)
    t.match(bench.errors, /^weir rollout start: a step is a weight such as 25, "pause"/, steps)
    t.same(bench.asked, [])
  }
})

t.test('each action is asked for, and says how the rollout stands and what may come next', async t => {
  const phases = [
    ['pause', 'Paused', [], 'next: weir rollout resume hello goes on, weir rollout abort hello goes back'],
    ['resume', 'Progressing', [], 'next: weir rollout status hello waits until it is over, weir rollout watch hello shows it'],
    ['abort', 'Aborted', ['retry', 'start'], 'next: weir rollout retry hello begins it again'],
    ['abort', 'Aborted', ['start'], 'next: weir rollout start hello begins another one'],
    ['retry', 'Progressing', [], 'next: weir rollout status hello'],
    ['promote', 'Healthy', ['start', 'undo'], 'next: weir undo hello would go back'],
    ['promote', 'Healthy', ['start'], 'next: weir rollout start hello begins another one']
  ] as const
  for (const [verb, phase, possible, next] of phases) {
    const bench = benchOf(() => ({ ...CHANGED, rollout: { ...ROLLOUT, phase, possible } }))
    t.equal(await bench.run('rollout', verb, 'hello', '-r', 'because'), 0, verb)
    t.match(bench.asked, [{ method: 'POST', path: `/v1/routes/hello/rollout/${verb}?wait=all&timeout=5000ms`, body: { reason: 'because' } }])
    t.match(bench.out, new RegExp(`^hello: ${phase}[,;]`), verb)
    t.match(bench.out, next, verb)
  }
  const full = benchOf(() => ({ ...CHANGED, changed: false, rollout: { ...ROLLOUT, pending: 'the disk is full' }, applied: { workers: 2, applied: 1, complete: false } }))
  t.equal(await full.run('rollout', 'promote', 'hello', '--full'), 3, 'not all apply it')
  t.same(full.asked[0]?.body, { full: true })
  t.match(full.out, /, as it was already; .*\nstored, and not yet applied by all: 1 of 2 workers have it\n/)
  t.match(full.out, '\nthe disk is full\n')
  const json = benchOf(() => CHANGED)
  await json.run('rollout', 'abort', 'hello', '-o', 'json')
  t.same(JSON.parse(json.out), CHANGED)
})

t.test('status waits until it is healthy, and says each step once', async t => {
  const answers: AdminAnswer[] = [
    ROLLOUT, { ...ROLLOUT, sentence: 'other numbers' }, { ...ROLLOUT, step: 2, sentence: 'on to 50 %' },
    { ...ROLLOUT, step: 3, waitsFor: 'the end of the watch', sentence: 'watched' }, { ...ROLLOUT, phase: 'Healthy', step: 3, waitsFor: null, possible: ['undo'], sentence: 'canary has all traffic' }
  ]
  const bench = benchOf(() => answers.shift() ?? {})
  const ended = bench.run('rollout', 'status', 'hello')
  for (let look = 1; look < 5; look++) await passSecond(bench)
  t.equal(await ended, 0)
  t.match(bench.asked[0], { path: '/v1/routes/hello/rollout', timeoutMs: 10_000 })
  t.equal(bench.out.split('\n').slice(0, 4).join('\n'), [
    'hello: Progressing, analyse 2m: canary has 5 % and is compared with stable',
    'hello: Progressing, weight 50 %: on to 50 %',
    'hello: Progressing: watched',
    'hello   Healthy   stable to canary, since 2026-01-01T00:00:00Z, ops: release 2'
  ].join('\n'))
  t.match(bench.out, /\nnext: weir undo hello would go back\n$/)
})

t.test('status ends with 4 when it failed or was aborted, and prints why with the numbers', async t => {
  const bench = benchOf(() => FAILED)
  t.equal(await bench.run('rollout', 'status', 'hello'), 4)
  t.equal(bench.out, [
    'hello   Degraded   stable to canary, since 2026-01-01T00:00:00Z, ops: release 2',
    'canary failed: 8 of 200 requests failed; back at stable 100, canary 0',
    '',
    '    STEP   DOES          SHARE OF NEW   WAITS FOR',
    '✓      1   weight 5 %    ▌░░░░░░░░░',
    '✗      2   analyse 2m    ░░░░░░░░░░',
    '       3   weight 50 %   █████░░░░░',
    '',
    'fail: canary: 8 of 200 requests failed, stable: 4 of 4000',
    '',
    'VERSION   REQUESTS   FAILED   SHARE   BETWEEN   SLOW   SHARE',
    'old           4000        4   0.1 %         -     40     1 %',
    'new            200        8     4 %         -      2     1 %',
    '',
    'next: weir rollout retry hello begins it again',
    ''
  ].join('\n'))
  for (const args of [['--watch=false'], ['--watch', 'false']]) {
    const once = benchOf(() => ({ ...ROLLOUT, phase: 'Aborted' }))
    t.equal(await once.run('rollout', 'status', 'hello', ...args), 4)
  }
  const running = benchOf(() => ROLLOUT)
  t.equal(await running.run('rollout', 'status', 'hello', '--watch=false'), 0, 'it runs')
  t.equal(running.asked.length, 1)
})

t.test('status ends with 3 when the time is over, with how it stands', async t => {
  const bench = benchOf(() => ROLLOUT)
  const ended = bench.run('rollout', 'status', 'hello', '--timeout', '2s', '-o', 'wide')
  await passSecond(bench)
  await passSecond(bench)
  t.equal(await ended, 3)
  t.match(bench.out, 'undecided: a pass needs 400 more requests')
  t.match(bench.out, 'most failures on the new version: 10.0.0.7, 100 % of them')
  const json = benchOf(() => ROLLOUT)
  t.equal(await json.run('rollout', 'status', 'hello', '--timeout', '0s', '-o', 'json'), 3)
  t.same(JSON.parse(json.out), ROLLOUT, 'nothing but the answer')
})

t.test('status says now and then that it still waits', async t => {
  const bench = benchOf(() => ROLLOUT)
  const ended = bench.run('rollout', 'status', 'hello')
  for (let second = 0; second < 31; second++) await passSecond(bench)
  await until(() => bench.clock.pending === 1)
  bench.interrupt.abort()
  t.equal(await ended, 130)
  t.equal(bench.out.split('hello: Progressing').length - 1, 2)
  t.equal(bench.errors, '')
})

t.test('a Weir that starts again is waited for, and one that stays away is not', async t => {
  let isAway = false
  const bench = benchOf(() => {
    if (isAway) throw new CommandError('http://127.0.0.1:9901 can\'t be reached: ECONNREFUSED')
    return ROLLOUT
  })
  const ended = bench.run('rollout', 'status', 'hello')
  const settled = async () => { await until(() => bench.clock.pending === 1) }
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      await settled()
      bench.clock.advance(1_000)
    }
    await settled()
  }
  await pass(1)
  isAway = true
  await pass(2)
  t.equal(bench.errors, 'http://127.0.0.1:9901 can\'t be reached: ECONNREFUSED; it is asked again\n', 'said once')
  isAway = false
  await pass(1)
  isAway = true
  await pass(61)
  bench.clock.advance(1_000)
  t.equal(await ended, 1)
  const refused = benchOf(() => { throw new CommandError('the route has no rollout', 1, 'no_rollout') })
  t.equal(await refused.run('rollout', 'status', 'hello'), 1)
  t.equal(refused.errors, 'weir rollout status: the route has no rollout\n')
})

t.test('watch draws the route and its rollout in place, and leaves the screen as it was', async t => {
  const bench = benchOf(({ path }) => path.endsWith('/rollout') ? ROLLOUT : ROUTE, { isTerminal: true, colours: true })
  const ended = bench.run('rollout', 'watch', 'hello')
  await passSecond(bench)
  await until(() => bench.clock.pending === 1)
  bench.interrupt.abort()
  t.equal(await ended, 0)
  t.ok(bench.out.startsWith('\u001b[?1049h\u001b[?25l'), 'a screen of its own, without a cursor')
  const [, , last = ''] = bench.out.split('\u001b[H\u001b[J')
  t.match(last, '\u001b[?25h\u001b[?1049l', 'the screen of before, with its cursor')
  t.match(last, 'rollout: Progressing, step 2 of 3: analyse 2m')
  t.match(last, '\u001b[36m█')
  t.match(last, '1.5 of 1000')
})

t.test('Ctrl-C while watch asks is no fault', async t => {
  let asked = 0
  const bench = benchOf(({ path }) => {
    if (++asked > 2) {
      bench.interrupt.abort()
      throw new CommandError('Weir can\'t be reached: this operation was aborted')
    }
    return path.endsWith('/rollout') ? ROLLOUT : ROUTE
  })
  const ended = bench.run('rollout', 'watch', 'hello')
  await passSecond(bench)
  t.equal(await ended, 0)
  t.equal(bench.errors, '')
})

t.test('watch without a rollout shows what changes behind the versions, in lines where there is no terminal', async t => {
  let available = 2
  let isThere = false
  const bench = benchOf(({ path }) => {
    if (!path.endsWith('/rollout')) return { ...ROUTE, versions: ROUTE.versions.map(version => ({ ...version, availableEndpoints: available })) }
    if (!isThere) throw new CommandError('the route has no rollout', 1, 'no_rollout')
    return ROLLOUT
  })
  const ended = bench.run('rollout', 'watch', 'hello')
  await passSecond(bench)
  available = 1
  await passSecond(bench)
  isThere = true
  await passSecond(bench)
  await passSecond(bench)
  await until(() => bench.clock.pending === 1)
  bench.interrupt.abort()
  t.equal(await ended, 0)
  t.equal(bench.out, [
    'hello: stable 95 (2/2 endpoints), canary 5 (2/2 endpoints)',
    'hello: stable 95 (1/2 endpoints), canary 5 (1/2 endpoints)',
    'hello: Progressing, analyse 2m: canary has 5 % and is compared with stable',
    ''
  ].join('\n'))
})

t.test('verdict prints the numbers of both versions and of the tests, and says it by its exit code', async t => {
  for (const [verdict, code] of [['pass', 0], ['undecided', 3], ['fail', 4]] as const) {
    const bench = benchOf(() => ({ route: 'hello', phase: 'Progressing', ...SAID, verdict }))
    t.equal(await bench.run('verdict', 'hello'), code, verdict)
    t.match(bench.asked, [{ path: '/v1/routes/hello/verdict' }])
    t.equal(bench.out, [
      `${verdict}: a pass needs 400 more requests`,
      '',
      'VERSION   REQUESTS   FAILED   SHARE   BETWEEN            SLOW   SHARE',
      'old           4000        4   0.1 %   <0.1 % and 0.3 %     40     1 %',
      'new            200        1   0.5 %   <0.1 % and 4 %        2     1 %',
      '',
      'TEST     NEW MINUS OLD            CLIENTS ON NEW   TO A FAIL                  TO A PASS',
      'errors   +0.4 % (allowed 0.5 %)   1 of 5           1.5 of 1000   ▋░░░░░░░░░   2 of 20     ██▍░░░░░░░',
      'slow     +0 % (allowed 2 %)       2 of 30          0.9 of 1000   ░░░░░░░░░░   8.5 of 20   ███████▏░░',
      ''
    ].join('\n'))
  }
})

t.test('a plan of a hundred steps is shown around the present one', async t => {
  const steps = Array.from({ length: 100 }, (_, index) => ({ kind: 'set-weight', text: `weight ${index} %`, weight: index, state: index < 50 ? 'done' : index === 50 ? 'now' : 'ahead' }))
  const bench = benchOf(() => ({ ...ROLLOUT, steps, step: 50, verdict: null, defaultDiffers: true }))
  t.equal(await bench.run('rollout', 'status', 'hello', '--watch=false'), 0)
  t.match(bench.out, /▶ +51 +weight 50 %/)
  t.notMatch(bench.out, 'weight 30 %')
  t.match(bench.out, '88 more steps are not shown')
  t.match(bench.out, 'the plan in the configuration is another one by now')
})

t.test('what comes from outside is printable', async t => {
  const bench = benchOf(() => ({ ...ROLLOUT, sentence: 'red\u001b[31m\nforged', reason: 'a\u0007', steps: [{ text: '\u001b[2J', state: 'now' }], step: 0, verdict: { verdict: '\u001b[1m', reason: 'x\ny' } }))
  await bench.run('rollout', 'status', 'hello', '--watch=false')
  t.notOk(bench.out.includes('\u001b') || bench.out.includes('\u0007'))
  t.match(bench.out, 'red\\u001b[31m\\nforged')
})

t.test('status shows a rollout that runs, in the list and of its route', async t => {
  const list = benchOf(() => ({
    routes: [
      { name: 'hello', weights: { stable: 95, canary: 5 }, readyEndpoints: { stable: 2, canary: 1 }, rollout: ROUTE.rollout },
      { name: 'shop', weights: { blue: 1 }, readyEndpoints: { blue: 1 } }
    ]
  }))
  await list.run('status')
  t.match(list.out, /ENDPOINTS +ROLLOUT +SPLIT\n.*hello +stable +95 +95 % +2 +Progressing, step 2 of 3: analyse 2m +█/)
  const one = benchOf(() => ROUTE)
  await one.run('status', 'hello')
  t.match(one.out, 'hello   epoch 2, revision 2\nrollout: Progressing, step 2 of 3: analyse 2m\n\nVERSION')
})

t.test('refusals say what is possible, and every fault of a plan in a line of its own', async t => {
  const answers = [
    { code: 'invalid_plan', detail: 'all in one', faults: [{ place: 'to', message: 'there is no version "green"' }, { place: 'steps[0].setWeight', message: 'has to be 0 to 100\nforged' }] },
    { code: 'rollout_running', detail: 'a rollout runs already; possible now: pause, abort', possible: ['pause', 'abort'] },
    { code: 'no_rollout', detail: 'POST it' },
    { code: 'rollout_not_running', detail: 'it is over', possible: ['start', 'undo'] },
    { code: 'unknown_route', detail: 'GET it' },
    { code: 'not_found', detail: 'GET /' }
  ]
  const origin = await RawOrigin.start((_, connection) => {
    const body = JSON.stringify(answers.shift())
    connection.send(Buffer.from(`HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`))
  })
  t.teardown(async () => { await origin.close() })
  const client = new AdminClient({ server: `http://127.0.0.1:${origin.port}`, token: undefined })
  const ask = async (path = '/') => await client.ask({ method: 'POST', path, timeoutMs: 10_000, signal: new AbortController().signal })
  await t.rejects(ask(), { exitCode: 2, problem: 'invalid_plan', message: 'the plan can\'t work:\n  to: there is no version "green"\n  steps[0].setWeight: has to be 0 to 100\\nforged' })
  await t.rejects(ask(), { exitCode: 1, message: 'a rollout runs already; possible now: weir rollout pause, weir rollout abort' })
  await t.rejects(ask(), { exitCode: 1, problem: 'no_rollout', message: 'the route has no rollout; weir rollout start begins one' })
  await t.rejects(ask(), { message: 'it is over; possible now: weir rollout start, weir undo' })
  await t.rejects(ask('/v1/routes/b%C3%BC/rollout?wait=all'), { message: 'there is no route "bü"; weir status lists them' })
  await t.rejects(ask('/v1/routes/hello/rollout?wait=all'), { message: /^http:\/\/127\.0\.0\.1:\d+ has no \/v1\/routes\/hello\/rollout: is it an older Weir/ })
})

t.test('https to a server that speaks http is said in words', async t => {
  const server = createServer(socket => { socket.on('error', () => {}).once('data', () => { socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') }) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const client = new AdminClient({ server: `https://127.0.0.1:${port}`, token: undefined })
  await t.rejects(client.ask({ path: '/', timeoutMs: 10_000, signal: new AbortController().signal }), { message: /does not speak TLS; should the URL begin with http:\/\/\?$/ })
})

t.test('wrong words are refused before anything is asked', async t => {
  const cases: ReadonlyArray<readonly [readonly string[], RegExp]> = [
    [['rollout'], /Usage: weir rollout/],
    [['rollout', 'stop', 'hello'], /unknown command 'stop'/],
    [['rollout', 'start'], /missing required argument 'route'/],
    [['rollout', 'start', 'hello', '--preset', 'big-bang'], /canary, blue-green/],
    [['rollout', 'pause', 'hello', '--full'], /unknown option '--full'/],
    [['rollout', 'status', 'hello', '--watch=maybe'], /true, false/],
    [['rollout', 'status', 'hello', '--timeout', 'soon'], /not a duration/],
    [['verdict'], /missing required argument/]
  ]
  for (const [args, message] of cases) {
    const bench = benchOf(() => CHANGED)
    t.equal(await bench.run(...args), 2, args.join(' '))
    t.match(bench.errors, message)
    t.same(bench.asked, [])
  }
  for (const args of [['rollout', 'start', 'a'], ['rollout', 'pause', 'a'], ['rollout', 'status', 'a'], ['verdict', 'a']]) {
    const bench = benchOf(() => ({}))
    t.equal(await bench.run(...args), 1, args.join(' '))
    t.match(bench.errors, /the answer has no /)
  }
})

t.test('undo and history are where kubectl has them, too', async t => {
  const bench = benchOf(({ method }) => method === 'POST' ? { route: 'hello', epoch: 3, weights: { stable: 1, canary: 0 } } : { revisions: [] })
  t.equal(await bench.run('rollout', 'undo', 'hello', '--to', '2'), 0)
  t.equal(await bench.run('rollout', 'history', 'hello'), 0)
  t.match(bench.asked, [{ method: 'POST', path: /^\/v1\/routes\/hello\/undo/, body: { revision: 2 } }, { path: /^\/v1\/routes\/hello\/history/ }])
})

t.test('help tells the exit codes; completion knows verbs, routes and versions', async t => {
  for (const args of [['rollout', 'start'], ['rollout', 'status'], ['verdict']]) {
    const bench = benchOf(() => ({}))
    t.equal(await bench.run(...args, '--help'), 0)
    t.match(bench.out, /^Usage: weir /)
    t.match(bench.out, '4 the rollout failed or was aborted')
  }
  const complete = async (...words: readonly string[]) => {
    const bench = benchOf(() => ({ routes: [{ name: 'hello', weights: { stable: 1, canary: 1 } }, { name: 'shop', weights: { blue: 1 } }] }))
    await bench.run('complete', '--', ...words)
    return bench.out.trim().split('\n').join(' ')
  }
  t.equal(await complete('roll'), 'rollout')
  t.equal(await complete('rollout', ''), 'start status watch report pause resume promote abort retry undo history')
  t.equal(await complete('rollout', 'p'), 'pause promote')
  t.equal(await complete('rollout', 'start', ''), 'hello shop')
  t.equal(await complete('rollout', 'start', 'hello', '--to', ''), 'stable canary')
  t.equal(await complete('rollout', 'start', 'shop', '--from', 'b'), 'blue')
  t.equal(await complete('rollout', 'start', 'hello', '--preset', ''), 'canary blue-green a-b')
  t.equal(await complete('rollout', 'promote', 'hello', '--f'), '--full')
  t.equal(await complete('rollout', 'stop', ''), '')
  t.equal(await complete('verdict', 's'), 'shop')
})
