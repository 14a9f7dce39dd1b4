/**
 * What keeps Weir from starting is said in one readable message, with exit code 1.
 */
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { freePorts } from '../../helpers/free-port.ts'
import { getOnce } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { complete, eventually, type Outcome, type PlainConfig, runWeir, startWeir, temporaryDirectory } from '../../helpers/weir-process.ts'

const STACK = /\n\s+at /

const [hello] = await startOrigins(t, ['hello'])
const routes = [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] }]

/** The text of a file that can't be used as it is. */
async function runFile (t: Test, text: string, args: readonly string[] = []): Promise<Outcome> {
  const file = path.join(await temporaryDirectory(t), 'weir.yaml')
  await writeFile(file, text)
  return await runWeir(['run', '--config', file, ...args])
}

async function runConfig (t: Test, config: PlainConfig, args: readonly string[] = []): Promise<Outcome> {
  return await runFile(t, JSON.stringify(config), args)
}

t.test('a second Weir on the same listener is refused, although workers share the port, and the first goes on', async t => {
  const first = await startWeir(t, { config: () => ({ workers: 2, routes }) })
  const [admin = 0, other = 0] = await freePorts(2)
  const seconds = await Promise.all([
    runConfig(t, complete({ workers: 1, routes }, { ...first.ports, admin })),
    runConfig(t, complete({ workers: 2, routes }, { ...first.ports, admin: other }))
  ])
  for (const { code, stderr, stdout } of seconds) {
    t.equal(code, 1)
    t.equal(stdout, '')
    t.match(stderr, /weir could not start/)
    t.match(stderr, new RegExp(`the listener \\\\"web\\\\" can't be opened on 127\\.0\\.0\\.1 port ${first.ports.web}: .*EADDRINUSE.*Is another process using the port\\?.*choose another port of listeners\\[0\\], such as \\d+, which is free`))
    t.notMatch(stderr, STACK)
    t.notMatch(stderr, /weir is running/)
  }
  const answers = await Promise.all(Array.from({ length: 20 }, async () => (await getOnce({ port: first.ports.web })).body))
  t.same(new Set(answers), new Set(['hello']), 'every connection reaches the first')
  t.equal(await first.stop(), 0)
})

t.test('an admin port in use', async t => {
  const [web = 0] = await freePorts(1)
  const holder = net.createServer().listen(0, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const bound = holder.address()
  const admin = typeof bound === 'object' && bound !== null ? bound.port : 0
  const { code, stderr } = await runConfig(t, complete({ workers: 1, routes }, { web, admin, more: [] }))
  t.equal(code, 1)
  t.match(stderr, new RegExp(`the admin API can't be opened on 127\\.0\\.0\\.1 port ${admin}: .*EADDRINUSE.*admin\\.port`))
  t.notMatch(stderr, STACK)
})

t.test('a state file that can not be written', { skip: process.getuid?.() === 0 ? 'root may write everywhere' : false }, async t => {
  const { code, stderr } = await runConfig(t, { workers: 1, routes, listeners: [{ name: 'web', port: (await freePorts(1))[0] }], state: { store: 'file', path: '/proc/nowhere/state.json' } })
  t.equal(code, 1)
  t.match(stderr, '/proc/nowhere')
  t.notMatch(stderr, STACK)
})

t.test('configurations that are missing or wrong name the place, and nothing is left behind', async t => {
  const directory = await temporaryDirectory(t)
  const file = path.join(directory, 'weir.yaml')
  await writeFile(file, '{')
  const [missing, none, wrong, broken] = await Promise.all([
    runWeir(['run', '--config', '/nowhere/weir.yaml']),
    runWeir(['run']),
    runFile(t, 'listeners:\n  - { name: web, port: 80800 }\nrouts: []\n'),
    runWeir(['run', '--config', file])
  ])
  t.same([missing, none, wrong, broken].map(({ code }) => code), [1, 2, 1, 1])
  for (const { stderr } of [missing, none, wrong, broken]) t.notMatch(stderr, STACK)
  t.match(missing.stderr, '/nowhere/weir.yaml')
  t.match(none.stderr, '--config')
  t.match(wrong.stderr, /listeners\[0\]\.port.*65535/)
  t.match(wrong.stderr, /routs.*routes/s, 'the nearest name is told')
  t.match(broken.stderr, file)
  t.same(await readdir(directory), ['weir.yaml'])
})

t.test('flags that are unknown or wrong', async t => {
  const config = complete({ routes }, { web: 8080, admin: 9901, more: [] })
  const [unknown, wrong] = await Promise.all([runConfig(t, config, ['--admin-prot', '9902']), runConfig(t, config, ['--workers', 'many'])])
  t.equal(unknown.code, 2)
  t.match(unknown.stderr, /--admin-prot/)
  t.match(unknown.stderr, /--admin-port/, 'the nearest name is told')
  t.notMatch(unknown.stderr, STACK)
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /--workers/)
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  t.test(`${signal} while Weir still loads its modules: it does not start, and ends with exit code 0`, async t => {
    const [web = 0, admin = 0] = await freePorts(2)
    const file = path.join(await temporaryDirectory(t), 'weir.yaml')
    await writeFile(file, JSON.stringify(complete({ workers: 1, routes }, { web, admin, more: [] })))
    const preload = `
      import { registerHooks } from 'node:module'
      registerHooks({ load (url, context, next) {
        if (/\\/(?:runtime\\/run\\.ts|parts\\/run-\\w+\\.js)$/.test(url)) process.kill(process.pid, '${signal}')
        return next(url, context)
      } })`
    const { code, stderr, stdout } = await runWeir(['run', '--config', file], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` })
    t.equal(code, 0)
    t.equal(stdout, '')
    t.match(stderr, /weir has stopped before it was started/)
    t.notMatch(stderr, /weir is running/)
  })
}

t.test('SIGTERM while workers die before they listen, again and again: Weir ends', async t => {
  const directory = await temporaryDirectory(t)
  const preload = path.join(directory, 'die.cjs')
  await writeFile(preload, "if (!require('node:worker_threads').isMainThread) process.exit(3)")
  const config = { workers: 1, drain: { delay: '0s' }, routes }
  const weir = await startWeir(t, { directory, config: () => config, nodeArgs: ['--require', preload], until: 'a worker died and is replaced' })
  await eventually(async () => await getOnce({ port: weir.ports.admin }, '/healthz').then(() => true, () => undefined))
  weir.kill('SIGTERM')
  t.equal(await weir.end(), 0)
  t.equal(weir.logged('weir is running').length, 0)
})

t.test('an API server that never answers: Weir runs, is not ready, says why, and ends at once', async t => {
  const silent = net.createServer().listen(0, '127.0.0.1')
  const sockets = new Set<net.Socket>()
  silent.on('connection', socket => { sockets.add(socket.on('error', () => {})) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await once(silent, 'listening')
  const bound = silent.address()
  const server = `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    clusters: [{ name: 'x', cluster: { server } }],
    users: [{ name: 'x', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }]
  }))
  const weir = await startWeir(t, {
    directory,
    config: () => ({
      workers: 1,
      kubernetes: { kubeconfig },
      routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { service: 'hello', port: 'http' } }] }]
    })
  })
  await eventually(async () => sockets.size > 0 ? true : undefined)
  const { status, body } = await weir.api('GET', '/readyz')
  t.equal(status, 503)
  t.match(body, { ready: false, reasons: [/version "v1" of route "hello"/] })
  t.equal((await getOnce({ port: weir.ports.web })).status, 503)
  t.equal(await weir.stop('SIGINT'), 0)
})
