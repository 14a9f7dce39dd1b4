import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CredentialPlugins, DEFAULT_PLUGIN_LIMITS, type PluginCommand, type PluginLimits, readPluginCommand } from '../../../src/kube/credential-plugin.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { eventually } from '../../helpers/weir-process.ts'

const NEVER = new AbortController().signal

/** A plugin that is a line of JavaScript. */
function pluginOf (script: string, env: Readonly<Record<string, string>> = {}): PluginCommand {
  return { command: process.execPath, args: ['-e', script], env, installHint: '', apiVersion: 'client.authentication.k8s.io/v1' }
}

function printing (status: unknown, before = ''): PluginCommand {
  return pluginOf(`${before}; process.stdout.write(${JSON.stringify(JSON.stringify({ kind: 'ExecCredential', status }))})`)
}

function pluginsOf (limits: Partial<PluginLimits> = {}) {
  const clock = new FakeClock()
  return { clock, plugins: new CredentialPlugins(clock, { ...DEFAULT_PLUGIN_LIMITS, ...limits }) }
}

/** A plugin that hangs with a child that hangs too, once it has said who they are. */
function hanging (t: Test) {
  const file = join(t.testdir({}), 'pids')
  const child = "const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' })"
  const plugin = pluginOf(`${child}; require('node:fs').writeFileSync(${JSON.stringify(file)}, process.pid + ' ' + child.pid); setInterval(() => {}, 1e6)`)
  const pids = async (): Promise<readonly number[]> => await eventually(async () => {
    const found = (await readFile(file, 'utf8').catch(() => '')).split(' ').map(Number)
    return found.length === 2 ? found : undefined
  })
  return { plugin, pids }
}

async function untilGone (pids: readonly number[]): Promise<true> {
  return await eventually(async () => {
    const states = await Promise.all(pids.map(async pid => await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')))
    // A zombie that nobody has reaped yet runs no more.
    return states.every(state => state === 'gone' || / Z /.test(state)) ? true : undefined
  })
}

t.test('a token or a client certificate is what a plugin has to print', async t => {
  const { plugins } = pluginsOf()
  t.strictSame(await plugins.credential(printing({ token: 'x' }), NEVER), { token: 'x', cert: undefined, key: undefined })
  t.strictSame(await plugins.credential(printing({ clientCertificateData: 'c', clientKeyData: 'k' }), NEVER), { token: undefined, cert: 'c', key: 'k' })
  t.match(await plugins.credential(pluginOf('process.stdout.write(JSON.stringify({ status: { token: process.env.WHO + process.env.KUBERNETES_EXEC_INFO } }))', { WHO: 'me' }), NEVER),
    { token: /^me.*"kind":"ExecCredential","spec":\{"interactive":false\}/ })
})

t.test('what a plugin fails of is an error that names it and none of its secrets', async t => {
  const { plugins } = pluginsOf({ maxOutputBytes: 1_000 })
  const cases: readonly (readonly [PluginCommand, RegExp])[] = [
    [pluginOf("console.error('no session; log in'); process.exitCode = 3"), /plugin .* ended with code 3: no session; log in$/],
    [pluginOf("process.kill(process.pid, 'SIGTERM')"), /ended with SIGTERM/],
    [pluginOf("console.log('secret')"), /^the credential plugin \S+ printed no ExecCredential with a token or a client certificate$/],
    [printing({}), /printed no ExecCredential/],
    [pluginOf("process.stdout.write('secret'.repeat(1000)); setInterval(() => {}, 1e6)"), /printed more than 1000 bytes$/],
    [{ ...pluginOf(''), command: 'no-such-plugin', installHint: 'get it from the shop' }, /no-such-plugin could not be started: .*ENOENT; get it from the shop/]
  ]
  for (const [plugin, message] of cases) await t.rejects(plugins.credential(plugin, NEVER), { kind: 'credentials', message })
})

t.test('an answer is kept until it expires', async t => {
  const { clock, plugins } = pluginsOf()
  const file = join(t.testdir({}), 'runs')
  const count = `require('node:fs').appendFileSync(${JSON.stringify(file)}, 'x')`
  const runs = async (): Promise<number> => (await readFile(file, 'utf8')).length
  const plugin = printing({ token: 'x', expirationTimestamp: new Date(clock.wallMs() + 60_000).toISOString() }, count)
  await Promise.all([plugins.credential(plugin, NEVER), plugins.credential(plugin, NEVER)])
  t.equal(await runs(), 1, 'one run for all who ask')
  clock.advance(59_000)
  await plugins.credential(plugin, NEVER)
  t.equal(await runs(), 1)
  clock.advance(2_000)
  await plugins.credential(plugin, NEVER)
  t.equal(await runs(), 2)
})

t.test('an answer is doubted at once after a 401, and after another failure when it is old', async t => {
  const { clock, plugins } = pluginsOf({ minAgeMs: 10_000 })
  const file = join(t.testdir({}), 'runs')
  const plugin = printing({ token: 'x' }, `require('node:fs').appendFileSync(${JSON.stringify(file)}, 'x')`)
  const runsAfter = async (act: () => void): Promise<number> => {
    act()
    await plugins.credential(plugin, NEVER)
    return (await readFile(file, 'utf8')).length
  }
  t.equal(await runsAfter(() => {}), 1)
  t.equal(await runsAfter(() => { plugins.doubt(plugin, false) }), 1)
  t.equal(await runsAfter(() => { plugins.doubt(plugin, true) }), 2)
  clock.advance(10_000)
  t.equal(await runsAfter(() => { plugins.doubt(plugin, false) }), 3)
})

t.test('a plugin that hangs is killed at its timeout with all that it started, and the next request starts it anew', async t => {
  const { clock, plugins } = pluginsOf({ timeoutMs: 5_000 })
  const { plugin, pids } = hanging(t)
  const asked = plugins.credential(plugin, NEVER)
  const ids = await pids()
  clock.advance(5_000)
  await t.rejects(asked, { kind: 'credentials', message: `the credential plugin ${process.execPath} gave no answer within 5000 ms and was killed` })
  t.ok(await untilGone(ids))
  const stop = new AbortController()
  const again = plugins.credential(plugin, stop.signal)
  await eventually(async () => (await pids())[0] === ids[0] ? undefined : true)
  stop.abort(new Error('stopped'))
  await t.rejects(again, /stopped/)
  t.ok(await untilGone(await pids()))
})

t.test('a plugin is killed when the last who waited for it gives up, not before', async t => {
  const { plugins } = pluginsOf()
  const { plugin, pids } = hanging(t)
  const [first, second] = [new AbortController(), new AbortController()]
  const [one, two] = [plugins.credential(plugin, first.signal), plugins.credential(plugin, second.signal)]
  const ids = await pids()
  first.abort(new Error('first'))
  await t.rejects(one, /first/)
  for (const pid of ids) t.ok(process.kill(pid, 0), 'it runs')
  second.abort(new Error('second'))
  await t.rejects(two, /second/)
  t.ok(await untilGone(ids))
  await t.rejects(plugins.credential(plugin, AbortSignal.abort(new Error('late'))), /late/)
})

t.test('the exec of a kubeconfig is read, whatever is in it', async t => {
  t.strictSame(readPluginCommand({ apiVersion: 'v', command: 'c', args: ['a', 1], env: [{ name: 'N', value: 'V' }, null, {}], installHint: 'h' }),
    { apiVersion: 'v', command: 'c', args: ['a', ''], env: { N: 'V' }, installHint: 'h' })
  t.strictSame(readPluginCommand({}), { apiVersion: 'client.authentication.k8s.io/v1', command: '', args: [], env: {}, installHint: '' })
  t.equal(readPluginCommand(undefined), undefined)
})
