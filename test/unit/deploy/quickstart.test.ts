import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { introduction } from '../../../deploy/examples/hello/quickstart.ts'
import {
  ADMIN_PORT, choosePorts, DEFAULT_PORTS, explainBusyPorts, findBusyPorts, originsAt, PROXY_PORT, withPorts
} from '../../../deploy/examples/hello/quickstart-ports.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { DEPLOY } from './manifests.ts'

const CONFIG = path.join(DEPLOY, '../config/weir.yaml')
const ORIGINS = originsAt(DEFAULT_PORTS)

/** A port that somebody has. */
async function heldPort (t: Test): Promise<number> {
  const holder = net.createServer().listen(0, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const bound = holder.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

t.test('the quickstart starts the origins that config/weir.yaml names, and asks the ports that it opens', async t => {
  const { config } = await loadConfig({ file: CONFIG, env: {}, args: [] })
  t.same(config.listeners.map(({ port }) => port), [PROXY_PORT])
  t.equal(config.admin.port, ADMIN_PORT)
  t.same(config.admin.tokens, [], 'the commands it prints carry no token')
  const [route, ...others] = config.routes
  t.same(others, [])
  t.equal(route?.name, 'hello')
  t.equal(route?.match, undefined, 'the commands it prints name no host')
  const named = route?.versions.map(({ name, endpoints }) => ({ name, endpoints: 'static' in endpoints ? endpoints.static : [] }))
  t.same(named, [
    { name: 'stable', endpoints: ORIGINS.filter(({ version }) => version === '1.0.0').map(({ port }) => `127.0.0.1:${port}`) },
    { name: 'canary', endpoints: ORIGINS.filter(({ version }) => version === '2.0.0').map(({ port }) => `127.0.0.1:${port}`) }
  ])
})

t.test('a port that another program has: what it is for, the option that chooses another, and a command that works', async t => {
  const held = await heldPort(t)
  t.same(await findBusyPorts([held]), [held])
  for (const [key, flag, what] of [
    ['proxy', 'port', 'the proxy'],
    ['admin', 'admin-port', 'the admin API'],
    ['origins', 'origin-port', 'an origin']
  ] as const) {
    const text = await explainBusyPorts({ ...DEFAULT_PORTS, [key]: held })
    t.match(
      text,
      `quickstart: ${what} can't be opened: listen EADDRINUSE: address already in use 127.0.0.1:${held}. --${flag} chooses another port.`
    )
    const command = /npm start -- (.*)$/.exec(text ?? '')?.[1] ?? ''
    const { ports } = choosePorts(command.split(' '), {})
    t.equal(await explainBusyPorts(ports), undefined, command)
  }
})

t.test('ports are chosen by flags, or else by the environment; Weir gets the rest', async t => {
  t.same(choosePorts([], {}), { ports: DEFAULT_PORTS, weirArgs: ['--admin-port=9901'] })
  t.same(choosePorts(['--port', '8081', '--workers', '2', '--origin-port=9101'], { QUICKSTART_PORT: '1', WEIR_ADMIN_PORT: '9902' }), {
    ports: { proxy: 8081, admin: 9902, origins: 9101 }, weirArgs: ['--workers', '2', '--admin-port=9902']
  })
  for (const [args, message] of [
    [['--port', 'web'], '--port needs a number from 1 to 65535, not "web"'],
    [['--port'], '--port needs a number from 1 to 65535, not ""'],
    [['--origin-port', '65533'], '--origin-port needs a number from 1 to 65532, not "65533"'],
    [['--admin-port', '8080'], /^port 8080 is chosen twice; .*--admin-port/],
    [['--origin-port', '8078'], /^port 8080 is chosen twice/]
  ] as const) t.throws(() => choosePorts(args, {}), { message })
})

t.test('the configuration of other ports is that of the quickstart, but for them and where weights are kept', async t => {
  const text = withPorts(await readFile(CONFIG, 'utf8'), { proxy: 8081, admin: 9902, origins: 9101 })
  const folder = t.testdir({ 'weir.yaml': text })
  const { config, warnings } = await loadConfig({ file: path.join(folder, 'weir.yaml'), env: {}, args: [] })
  const { config: original } = await loadConfig({ file: CONFIG, env: {}, args: [] })
  t.same(warnings, [])
  t.match(config, { listeners: [{ port: 8081 }], admin: { port: 9902 }, state: { path: /\/\.weir\/state-8081\.json$/ } })
  t.same(config.routes.map(({ versions }) => versions.map(({ endpoints }) => endpoints)), [[
    { static: ['127.0.0.1:9101', '127.0.0.1:9102'] }, { static: ['127.0.0.1:9103', '127.0.0.1:9104'] }
  ]])
  t.same({ ...config, listeners: [], admin: {}, state: {}, routes: [] }, { ...original, listeners: [], admin: {}, state: {}, routes: [] })
})

t.test('a port is free again after it was probed', async t => {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const bound = probe.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  probe.close()
  await once(probe, 'close')
  t.same(await findBusyPorts([port]), [])
  t.same(await findBusyPorts([port]), [])
})

t.test('the introduction names the addresses and the commands to try', async t => {
  const text = introduction(DEFAULT_PORTS)
  for (const part of [
    'http://127.0.0.1:8080/', 'http://127.0.0.1:9901/v1/routes/hello', 'http://127.0.0.1:9901/metrics',
    'hello 1.0.0 on 127.0.0.1:9001', 'hello 2.0.0 on 127.0.0.1:9004', '/v1/routes/hello/weights', '--interface 127.0.0.$i'
  ]) t.ok(text.includes(part), part)
  t.same(JSON.parse(/-d '(.*)'/.exec(text)?.[1] ?? ''), { weights: { stable: 50, canary: 50 }, reason: 'first try' })
  t.match(
    introduction({ proxy: 8081, admin: 9902, origins: 9101 }),
    /127\.0\.0\.1:8081\/[^]*127\.0\.0\.1:9902\/v1\/routes\/hello\n[^]*127\.0\.0\.1:9104\n/
  )
})
