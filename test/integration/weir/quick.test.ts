/**
 * One line puts local programs behind a split, by name.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'
import { freePorts } from '../../helpers/free-port.ts'
import { getOnce } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { eventually, MAIN, runWeir, startWeir } from '../../helpers/weir-process.ts'

const [one, two] = await startOrigins(t, ['one', 'two'])
const portOf = ({ endpoint }: { readonly endpoint: string }): string => endpoint.slice(endpoint.lastIndexOf(':') + 1)

function start (t: Test, args: readonly string[]): { readonly child: ChildProcess, readonly out: () => string } {
  const child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), MAIN, ...args], { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { out += text })
  return { child, out: () => out }
}

t.test('weir run --quick splits between programs that are named by localhost', async t => {
  const [web = 0, admin = 0] = await freePorts(2)
  const { child, out } = start(t, [
    'run',
    '--quick',
    `stable=localhost:${portOf(one)}*50,canary=localhost:${portOf(two)}*50`,
    '--port',
    `${web}`,
    '--admin-port',
    `${admin}`,
    '--workers',
    '1'
  ])
  // The whole of it, in as many pieces as it comes.
  await eventually(async () => out().includes('Weir is ready.') && out().includes('"canary":1}}') ? true : undefined)
  t.match(out(), `curl http://127.0.0.1:${web}/`)
  t.match(out(), '-d \'{"weights":{"stable":1,"canary":1}}\'')
  t.match((await getOnce({ port: web })).body, /^(one|two)$/)
  for (const [name, body] of [['stable', 'one'], ['canary', 'two']] as const) {
    const switched = await fetch(`http://127.0.0.1:${admin}/v1/routes/quick/switch?wait=all`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ to: name })
    })
    t.equal(switched.status, 200)
    t.equal((await getOnce({ port: web })).body, body)
  }
  const route: unknown = await (await fetch(`http://127.0.0.1:${admin}/v1/routes/quick`)).json()
  t.match(route, { versions: [{ source: { kind: 'dns', state: 'synced' } }, { source: { kind: 'dns' } }] })
  child.kill('SIGINT')
  await once(child, 'close')
  t.equal(child.exitCode, 0)
})

t.test('a port that is taken: the option that chooses another, with exit code 1', async t => {
  const [free = 0] = await freePorts(1)
  // Somebody has the port of the origin.
  const split = ['run', '--quick', `a=localhost:${portOf(two)}`, '--workers', '1']
  const web = await runWeir([...split, '--port', portOf(one), '--admin-port', `${free}`])
  t.match(web, { code: 1, stdout: '', stderr: /EADDRINUSE.*stop it, or choose another --port, such as \d+, which is free/ })
  const admin = await runWeir([...split, '--port', `${free}`, '--admin-port', portOf(one)])
  t.match(admin, {
    code: 1,
    stdout: '',
    stderr: /EADDRINUSE.*choose another admin\.port \(--admin-port, WEIR_ADMIN_PORT\), such as \d+, which is free/
  })
})

t.test('what is wrong with --quick is said in one line, with exit code 2', async t => {
  for (const [args, message] of [
    [['run', '--quick', 'stable'], /--quick takes versions such as .*; "stable" is none/],
    [['run', '--quick', 'a=localhost:1,a=localhost:2'], /names the version "a" twice/],
    [['run', '--quick=a=localhost'], /"localhost" is not an address and port/],
    [['run', '--quick', 'a=localhost:1*-3'], /the weight of "a" must be a number/],
    [['run', '--quick', 'a=localhost:1', '--port', '99999'], /--port needs a number/],
    [['run', '--quick', 'a=localhost:1', '--config', 'x'], /leave out --config/]
  ] as const) {
    const { code, stderr } = await runWeir(args)
    t.equal(code, 2)
    t.match(stderr, message)
    t.match(stderr, /^[^\n]+\n$/)
  }
})

t.test('a name of the file is looked up, shown as a source, and what it gives is used; one that is not found is said', async t => {
  const weir = await startWeir(t, {
    config: () => ({
      workers: 1,
      routes: [
        { name: 'named', match: { path: '/named' }, versions: [{ name: 'v1', weight: 1, endpoints: { dns: `localhost:${portOf(one)}` } }] },
        { name: 'missing', match: { path: '/missing' }, versions: [{ name: 'v1', weight: 1, endpoints: { dns: 'nothing.invalid:80' } }] }
      ]
    })
  })
  await eventually(async () => (await getOnce({ port: weir.ports.web }, '/named')).status === 200 ? true : undefined)
  t.match((await weir.api('GET', '/v1/routes/named')).body, {
    versions: [{ source: { kind: 'dns', state: 'synced', name: `localhost:${portOf(one)}` } }]
  })
  t.equal((await getOnce({ port: weir.ports.web }, '/missing')).status, 503)
  const body = await eventually(async () => {
    const answer = await weir.api('GET', '/v1/routes/missing')
    return /"detail":"(\\.|[^"\\])*nothing\.invalid/.test(JSON.stringify(answer.body)) ? answer.body : undefined
  })
  t.match(body, { versions: [{ source: { kind: 'dns', detail: /nothing\.invalid/ } }] })
  t.equal(await weir.stop(), 0)
})
