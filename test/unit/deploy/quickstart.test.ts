import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import t from 'tap'
import {
  ADMIN_PORT, busyPortsMessage, findBusyPorts, introduction, ORIGINS, PROXY_PORT
} from '../../../deploy/examples/hello/quickstart.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { DEPLOY } from './manifests.ts'

t.test('the quickstart starts the origins that config/weir.yaml names, and asks the ports that it opens', async t => {
  const { config } = await loadConfig({ file: path.join(DEPLOY, '../config/weir.yaml'), env: {}, args: [] })
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

t.test('ports that others hold are found and named, with a remedy', async t => {
  const holder = net.createServer().listen(0, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const bound = holder.address()
  const held = typeof bound === 'object' && bound !== null ? bound.port : 0
  t.same(await findBusyPorts([held]), [held])
  t.match(busyPortsMessage([held]), `another program uses port ${held} on 127.0.0.1`)
  t.match(busyPortsMessage([1, 2]), /uses ports 1, 2 .* Stop those programs/)
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
  const text = introduction()
  for (const part of [
    'http://127.0.0.1:8080/', 'http://127.0.0.1:9901/v1/routes/hello', 'http://127.0.0.1:9901/metrics',
    'hello 1.0.0 on 127.0.0.1:9001', 'hello 2.0.0 on 127.0.0.1:9004', '/v1/routes/hello/weights', '--interface 127.0.0.$i'
  ]) t.ok(text.includes(part), part)
  t.same(JSON.parse(/-d '(.*)'/.exec(text)?.[1] ?? ''), { weights: { stable: 50, canary: 50 }, reason: 'first try' })
})
