import t from 'tap'
import { parseArguments } from '../../../src/cli/arguments.ts'
import { parseWait, type WaitCondition } from '../../../src/cli/wait-arguments.ts'
import { waitFor } from '../../../src/cli/wait.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { turns } from '../../helpers/turns.ts'

t.test('what is waited for, in the order of the arguments', async t => {
  t.same(parseWait(['--tcp', 'db:5432', '--dns=cache', '--tcp', '[fd00::1]:80', '--http', 'https://auth/ready', '-q', '--timeout', '30s']), {
    conditions: [
      { kind: 'tcp', host: 'db', port: 5432 },
      { kind: 'dns', name: 'cache' },
      { kind: 'tcp', host: 'fd00::1', port: 80 },
      { kind: 'http', url: 'https://auth/ready' }
    ],
    timeoutMs: 30_000,
    quiet: true
  })
  t.same(parseWait(['--version', 'canary', '--route', 'hello', '--endpoints', '2', '--admin', 'http://weir-admin:9901/', '--token-file', '/t']), {
    conditions: [{ kind: 'endpoints', route: 'hello', version: 'canary', endpoints: 2, admin: 'http://weir-admin:9901', tokenFile: '/t' }],
    timeoutMs: 300_000,
    quiet: false
  })
  t.match(parseWait(['--route', 'hello', '--version', 'v1']), { conditions: [{ endpoints: 1, admin: 'http://127.0.0.1:9901' }] })
  t.match(parseArguments(['wait', '--tcp', 'db:1']), { command: 'wait', request: { timeoutMs: 300_000 } })
  t.same([['wait', '--help'], ['help', 'wait']].map(parseArguments), Array.from({ length: 2 }, () => ({ command: 'help', topic: 'wait' })))
})

t.test('what makes no sense is refused with the remedy', async t => {
  const cases: ReadonlyArray<readonly [readonly string[], RegExp]> = [
    [[], /needs something to wait for: --tcp/],
    [['-q'], /needs something to wait for/],
    [['--tcp'], /--tcp needs a value/],
    [['--tcp='], /--tcp needs a value/],
    [['--tcp', '--dns', 'a'], /--tcp needs a value/],
    [['--tcp', 'db'], /"db" is not an address and port/],
    [['--tcp', 'db:0'], /from 1 to 65535/],
    [['--tcp', 'http://db:1'], /is a URL/],
    [['--http', 'auth:80'], /--http needs a URL/],
    [['--http', 'ftp://auth/'], /--http needs a URL/],
    [['--http', 'http://a:b@auth/'], /without a user/],
    [['--dns', '10.0.0.1'], /needs a name such as db\.shop\.svc.*"10\.0\.0\.1"/],
    [['--dns', 'a b'], /needs a name .*"a b"/],
    [['--dns', 'db:5432'], /without a port/],
    [['--timeout', 'soon', '--dns', 'a'], /is not a duration/],
    [['--timeout', '1s', '--timeout', '2s', '--dns', 'a'], /--timeout is given twice/],
    [['--route', 'hello'], /--route needs --version/],
    [['--route', 'he/llo', '--version', 'a'], /--route must be/],
    [['--version', 'a'], /says more about --route/],
    [['--endpoints', '2', '--dns', 'a'], /--endpoints says more about --route/],
    ...['0', '-1', '1.5', '1e3', 'all', '100001'].map(count => [
      ['--route', 'a', '--version', 'b', `--endpoints=${count}`], /--endpoints needs a whole number from 1 to 100000/
    ] as const),
    [['--tpc', 'db:1'], /did you mean --tcp\?/],
    [['db:1'], /does not know "db:1"/]
  ]
  for (const [args, fault] of cases) {
    const read = parseWait(args)
    t.match('fault' in read ? read.fault : 'accepted', fault, args.join(' '))
    t.match(parseArguments(['wait', ...args]), { command: 'wrong', message: /[.?] Try: weir --help$/ })
  }
})

const DB: WaitCondition = { kind: 'tcp', host: 'db', port: 5432 }
const AUTH: WaitCondition = { kind: 'http', url: 'http://auth/' }

interface Played {
  readonly conditions?: readonly WaitCondition[]
  readonly timeoutMs: number
  readonly quiet?: boolean
  /** When each condition is there, and how long a look takes. */
  readonly there: (condition: WaitCondition) => number
  readonly lookMs?: number
}

/** Plays it on a clock that runs by itself. */
async function play ({ conditions = [DB], timeoutMs, quiet = false, there, lookMs = 0 }: Played): Promise<{
  readonly code: number, readonly lines: readonly string[], readonly complaints: readonly string[], readonly looks: number
}> {
  const clock = new FakeClock()
  const lines: string[] = []
  const complaints: string[] = []
  let looks = 0
  const outcome = { code: -1 }
  const look = async (condition: WaitCondition, signal: AbortSignal): Promise<string | undefined> => {
    looks++
    await new Promise<void>(resolve => {
      signal.addEventListener('abort', () => { resolve() })
      clock.after(lookMs, resolve)
    })
    if (signal.aborted) return 'no answer'
    return clock.nowMs() >= there(condition) ? undefined : 'refused\u202e'
  }
  void waitFor({ conditions, timeoutMs, quiet }, {
    clock, look, out: line => { lines.push(line) }, complain: line => { complaints.push(line) }
  }).then(code => { outcome.code = code })
  for (let step = 0; outcome.code < 0 && step < 20_000; step++) {
    await turns(2)
    if (outcome.code < 0) clock.advance(10)
  }
  return { ...outcome, lines, complaints, looks }
}

t.test('each is waited for in turn, with one line a second', async t => {
  const { code, lines, complaints, looks } = await play({
    conditions: [DB, AUTH], timeoutMs: 60_000, there: condition => condition === DB ? 2_500 : 1_000
  })
  t.equal(code, 0)
  t.same(lines, [
    'waiting for tcp db:5432: refused\\u202e (0.0 s)',
    'waiting for tcp db:5432: refused\\u202e (1.0 s)',
    'waiting for tcp db:5432: refused\\u202e (2.0 s)',
    'tcp db:5432: there after 2.5 s',
    'http http://auth/: there after 2.5 s'
  ])
  t.same(complaints, [])
  t.equal(looks, 12, 'four looks a second, and one for what is there already')
})

t.test('it gives up when the time is over, and says what was missing', async t => {
  const { code, complaints } = await play({ conditions: [AUTH, DB], timeoutMs: 3_000, there: condition => condition === AUTH ? 0 : Infinity })
  t.equal(code, 1)
  t.same(complaints, ['weir wait: gave up after 3.0 s: tcp db:5432: refused\\u202e'])
})

t.test('quiet prints nothing but the failure, and no time at all looks once', async t => {
  t.match(await play({ timeoutMs: 5_000, quiet: true, there: () => 1_000 }), { code: 0, lines: [], complaints: [] })
  t.match(await play({ timeoutMs: 0, quiet: true, there: () => Infinity }), { code: 1, lines: [], complaints: [/gave up after 0.0 s/], looks: 1 })
  t.match(await play({ timeoutMs: 0, there: () => 0 }), { code: 0, looks: 1 })
})

t.test('a look that gets no answer ends, and the next one begins', async t => {
  const { code, complaints, looks } = await play({ timeoutMs: 7_000, there: () => 0, lookMs: 100_000 })
  t.equal(code, 1)
  t.match(complaints[0], 'no answer')
  t.equal(looks, 3, 'after 3 s each')
})
