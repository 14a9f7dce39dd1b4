/** `weir status` and its kind against a Weir that runs, with tokens, as an operator types them. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { AdminClient } from '../../../src/cli/operate/admin-client.ts'
import { OPERATE_COMMANDS } from '../../../src/cli/arguments.ts'
import { createProgram } from '../../../src/cli/operate/program.ts'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { MAIN, runWeir, startWeir, temporaryDirectory } from '../../helpers/weir-process.ts'

const TOKENS = { viewer: 'viewer-token-0123456789', operator: 'operator-token-0123456789' }

async function guarded (t: Test) {
  const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
  const directory = await temporaryDirectory(t)
  const tokens = await Promise.all(Object.entries(TOKENS).map(async ([role, token]) => {
    const file = path.join(directory, role)
    await writeFile(file, token)
    return { name: role, role, file }
  }))
  const weir = await startWeir(t, {
    directory,
    config: ({ admin }) => ({
      workers: 2,
      admin: { address: '127.0.0.1', port: admin, tokens },
      routes: [{
        name: 'hello',
        versions: [
          { name: 'stable', weight: 90, endpoints: { static: [stable.endpoint] } }, { name: 'canary', weight: 10, endpoints: { static: [canary.endpoint] } }
        ]
      }]
    })
  })
  const run = async (role: keyof typeof TOKENS, ...args: readonly string[]) =>
    await runWeir(args, { WEIR_SERVER: weir.url, WEIR_TOKEN_FILE: path.join(directory, role), HOME: directory })
  return { weir, run, directory }
}

t.test('a change is made, seen, explained, drained and undone', async t => {
  const { weir, run } = await guarded(t)
  const changed = await run('operator', 'weights', 'hello', 'stable=75', 'canary=25', '-r', 'looks good')
  t.match(changed, { code: 0, stderr: '', stdout: /^hello: stable 75, canary 25 \(epoch 2\), applied by 2 of 2 workers in .* ms\n$/ })
  const [status, history, explained, unsafe, refused, stale] = await Promise.all([
    run('viewer', 'status', 'hello', '-o', 'wide'),
    run('viewer', 'history', 'hello'),
    run('viewer', 'explain', 'hello', '--ip', '10.0.0.1'),
    run('viewer', 'drain', 'hello', 'canary'),
    run('viewer', 'switch', 'hello', 'canary'),
    run('operator', 'undo', 'hello', '--if-epoch', '1')
  ])
  t.match(status, { code: 0, stdout: /canary +25 +25 %.*1\/1[^]*ready +available/ })
  t.match(history, { code: 0, stdout: /2 +\S+ +operator +weights +stable=75 canary=25 +looks good/ })
  t.match(explained, { code: 0, stdout: /^(stable|canary) at .*\n {2}the route "hello" takes the request\n/ })
  t.match(unsafe, { code: 3, stdout: /canary of hello is not safe to scale down/ })
  t.match(refused, { code: 1, stdout: '', stderr: /^weir switch: token "viewer" has the role viewer; changes need the role operator\n$/ })
  t.match(stale, { code: 1, stderr: /the route has changed meanwhile: it is at epoch 2/ })
  t.match(await run('operator', 'switch', 'hello', 'stable'), { code: 0, stdout: /^hello: stable 100, canary 0/ })
  t.match(await run('viewer', 'drain', 'hello', 'canary', '--wait'), { code: 0, stdout: /is safe to scale down/ })
  t.match(await run('operator', 'undo', 'hello', '-o', 'json'), { code: 0, stdout: /"canary": 25/ })
  t.equal(await weir.stop(), 0)
})

t.test('whoever is not Weir, does not answer, or wants a token, is named with the remedy', async t => {
  const origin = await RawOrigin.start((_, connection) => { connection.send(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')) })
  t.teardown(async () => { await origin.close() })
  const silent = await RawOrigin.start(() => {})
  t.teardown(async () => { await silent.close() })
  const { weir, directory } = await guarded(t)
  const closed = await closedPort()
  const ask = async (server: string, token?: string) => await new AdminClient({ server, token }).ask({
    path: '/v1/routes', timeoutMs: server.endsWith(`:${silent.port}`) ? 50 : 10_000, signal: new AbortController().signal
  })
  await t.rejects(ask(`http://127.0.0.1:${closed}`), { exitCode: 1, message: `http://127.0.0.1:${closed} can't be reached: connect ECONNREFUSED 127.0.0.1:${closed}` })
  await t.rejects(ask(`http://127.0.0.1:${origin.port}`), { message: /answered 200, and not as the admin API of Weir does/ })
  await t.rejects(ask(`http://127.0.0.1:${silent.port}`), { message: /has not answered within 50 ms/ })
  await t.rejects(ask(weir.url), { message: /wants a token: give --token-file/ })
  await t.rejects(ask(weir.url, 'another-token-0123456789'), { message: /does not take this token/ })
  t.match(await ask(weir.url, TOKENS.viewer), { routes: [{ name: 'hello' }] })
  t.match(await runWeir(['status'], { WEIR_SERVER: weir.url, HOME: directory }), { code: 1, stdout: '', stderr: /^weir status: .* wants a token/ })
  t.equal(await weir.stop(), 0)
})

t.test('Ctrl-C ends a command that still waits for standard input', async t => {
  const silent = await RawOrigin.start(() => {})
  t.teardown(async () => { await silent.close() })
  const env = childEnvironment({ WEIR_SERVER: `http://127.0.0.1:${silent.port}`, HOME: '/nowhere' })
  const child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), MAIN, 'list', 'import', 'hello', 'beta', '-'], { env, stdio: ['pipe', 'ignore', 'pipe'] })
  const ended = once(child, 'close')
  // More than a pipe has room for: it reads when all of it is gone.
  child.stdin.on('error', () => {}).write('x'.repeat(1_048_576), () => { child.kill('SIGINT') })
  t.same(await ended, [130, null])
})

t.test('the commands that weir knows are those that the program has', async t => {
  t.same(createProgram({ out: () => {}, complain: () => {} }, () => {}).commands.map(command => command.name()).sort(), [...OPERATE_COMMANDS].sort())
})

const bash = (args: readonly string[], input = '') => spawnSync('bash', args, { input, encoding: 'utf8', env: childEnvironment() })

t.test('the script of bash is one that bash can read', { skip: bash(['--version']).status === 0 ? false : 'there is no bash' }, async t => {
  const { stdout } = await runWeir(['completion', 'bash'])
  const { status, stderr } = bash(['-n'], stdout)
  t.equal(status, 0, stderr)
  const weir = "weir () { [[ \"$1 $2 $3 $4\" == 'complete -- status he' ]] && printf 'hello\\nhelp-desk\\n'; }"
  const probe = `${stdout}\n${weir}\nCOMP_WORDS=(weir status he)\nCOMP_CWORD=2\n_weir_complete\necho "\${COMPREPLY[*]}"\n`
  t.equal(bash(['--norc'], probe).stdout, 'hello help-desk\n')
})

t.test('output that can\'t be written is said, and is no success', { skip: existsSync('/dev/full') ? false : 'there is no /dev/full' }, async t => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => { closeSync(full) })
  for (const args of [['contexts'], ['version'], ['help', 'run']]) {
    const { status, stderr } = spawnSync(NODE, [...NODE_FIRST, MAIN, ...args], { env: childEnvironment(), stdio: ['ignore', full, 'pipe'], encoding: 'utf8' })
    t.equal(status, 1, args.join(' '))
    t.match(stderr, /^weir: the output could not be written: .*ENOSPC.*\n$/)
  }
})

t.test('a reader that has enough does not make it a failure', { skip: bash(['--version']).status === 0 ? false : 'there is no bash' }, async t => {
  const script = `set -o pipefail; "$0" ${NODE_FIRST.map(word => `'${word}'`).join(' ')} '${MAIN}' help run | head -n 1`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, NODE], { env: childEnvironment(), encoding: 'utf8' })
  t.same({ status, stdout, stderr }, { status: 0, stdout: 'Usage: weir run --config FILE [flags]\n', stderr: '' })
})
