import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { AdminAnswer, Ask } from '../../../../src/cli/operate/admin-api.ts'
import { AdminClient } from '../../../../src/cli/operate/admin-client.ts'
import { CommandError } from '../../../../src/cli/operate/command-error.ts'
import { operate } from '../../../../src/cli/operate/operate.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { benchOf } from '../../../helpers/operate-bench.ts'

const CHANGED = { route: 'hello', list: 'beta', changed: true, added: 1, removed: 0, members: 3 }
const BETA = { name: 'beta', version: 'canary', by: 'header', header: 'X-User', members: 3, maxMembers: 200_000 }

/** A list of three members, in pages of two at most. */
function answerOf ({ path }: Ask): AdminAnswer {
  const url = new URL(path, 'http://weir')
  if (url.pathname.endsWith('/lists')) return { route: 'hello', lists: [BETA, { ...BETA, name: 'office', by: 'client-ip', header: undefined, members: 0 }], kept: ['alpha', 'old'] }
  if (url.pathname.endsWith('/members')) {
    const rest = ['user-1', 'user-2', 'user-3'].filter(id => id > (url.searchParams.get('after') ?? ''))
    const page = rest.slice(0, Math.min(2, Number(url.searchParams.get('limit'))))
    return { route: 'hello', list: 'beta', members: page, ...(page.length < rest.length ? { next: page.at(-1) } : {}) }
  }
  return url.pathname.endsWith('/beta') ? BETA : CHANGED
}

t.test('members are added and removed, one after another', async t => {
  const bench = benchOf(answerOf)
  t.equal(await bench.run('list', 'add', 'hello', 'beta', 'user-1', 'a/b', '--reason', 'asked for it'), 0)
  t.same(bench.asked.map(({ method, path }) => `${method ?? ''} ${path}`), [
    'PUT /v1/routes/hello/lists/beta/members/user-1?reason=asked+for+it', 'PUT /v1/routes/hello/lists/beta/members/a%2Fb?reason=asked+for+it'
  ])
  t.equal(bench.out, 'user-1 is on beta of hello (3 members)\na/b is on beta of hello (3 members)\n')
  const json = benchOf(answerOf)
  t.equal(await json.run('list', 'remove', 'hello', 'beta', 'user-1', 'user-2', '-o', 'json'), 0)
  t.same(json.asked.map(({ method }) => method), ['DELETE', 'DELETE'])
  t.match(JSON.parse(json.out), { list: 'beta', added: 2, members: 3 }, 'one answer for all')
})

t.test('the member that is refused is named', async t => {
  const bench = benchOf(question => {
    if (question.path.endsWith('/bad')) throw new CommandError('the member is no IP address (invalid_member)')
    return CHANGED
  })
  t.equal(await bench.run('list', 'add', 'hello', 'beta', 'good', 'bad', 'never'), 1)
  t.equal(bench.asked.length, 2)
  t.equal(bench.errors, 'weir list add: "bad": the member is no IP address (invalid_member)\n')
  t.equal(await bench.run('list', 'add', 'hello', 'beta', '..'), 2)
  t.equal(await bench.run('list', 'add', 'hello', 'beta'), 2, 'nobody')
})

t.test('lists and members are shown, all of them on demand', async t => {
  const bench = benchOf(answerOf)
  t.equal(await bench.run('list', 'show', 'hello'), 0)
  t.equal(bench.out, 'LIST     VERSION   BY              MEMBERS      MAX\nbeta     canary    header X-User         3   200000\noffice   canary    client-ip             0   200000\nkept in the store, and named by no configuration: alpha, old\n')
  bench.out = ''
  t.equal(await bench.run('list', 'show', 'hello', 'beta', '--limit', '2'), 0)
  t.equal(bench.out, 'beta of hello: 3 members (at most 200000), by header X-User, get canary\n  user-1\n  user-2\nand more: --after user-2, or --all\n')
  bench.out = ''
  t.equal(await bench.run('list', 'show', 'hello', 'beta', '--all', '-o', 'json'), 0)
  t.match(JSON.parse(bench.out), { list: { name: 'beta' }, members: ['user-1', 'user-2', 'user-3'] })
  t.equal(await bench.run('list', 'show', 'hello', 'beta', '--limit', '1001'), 2)
})

t.test('an import sends standard input or a file as it is', async t => {
  const sent: string[] = []
  const take = async (question: Ask): Promise<AdminAnswer> => {
    for await (const piece of question.lines ?? []) sent.push(Buffer.from(piece).toString())
    return { ...CHANGED, added: 2 }
  }
  const bench = benchOf(take, { input: '"user-1"\n"user-2"\n' })
  t.equal(await bench.run('list', 'import', 'hello', 'beta', '-', '--replace', '-r', 'anew'), 0)
  t.match(bench.asked, [{ method: 'POST', path: '/v1/routes/hello/lists/beta/import?mode=replace&reason=anew' }])
  t.equal(bench.out, 'beta of hello: 2 added, 0 removed, 3 members now\n')
  const directory = t.testdir({ members: '"user-3"\n' })
  t.equal(await bench.run('list', 'import', 'hello', 'beta', `${directory}/members`), 0)
  t.same(sent, ['"user-1"\n"user-2"\n', '"user-3"\n'])
  t.equal(await bench.run('list', 'import', 'hello', 'beta', `${directory}/missing`), 2)
  t.match(bench.errors, /^weir list import: .*missing can't be read/)
})

t.test('what can\'t be read while it is sent is no fault of the server', async t => {
  const directory = t.testdir({ members: {} })
  const server = createServer((request, response) => {
    request.on('error', () => {}).resume().on('end', () => { response.end('{}') })
  }).listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const errors: string[] = []
  const code = await operate(['list', 'import', 'hello', 'beta', `${directory}/members`], {
    env: { WEIR_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, // listens on TCP
    clock: new FakeClock(),
    signal: new AbortController().signal,
    terminal: { out: () => {}, complain: text => { errors.push(text) }, isTerminal: false, colours: false },
    connect: connection => new AdminClient(connection),
    input: () => process.stdin
  })
  t.equal(code, 2)
  t.match(errors.join(''), /^weir list import: .*members can't be read: EISDIR.*\n$/)
})

t.test('people are told how far a long import is', async t => {
  const bench = benchOf(async question => {
    for await (const piece of question.lines ?? []) piece.fill(0)
    return CHANGED
  }, { isTerminal: true, input: `"${'x'.repeat(4_194_304)}"` })
  t.equal(await bench.run('list', 'import', 'hello', 'beta', '-'), 0)
  t.equal(bench.errors, '4 MiB are sent\n')
})
