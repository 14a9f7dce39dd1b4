/**
 * What Weir says of versions without endpoints, and which endpoints of a Service count.
 */
import t from 'tap'
import { clusterOf, readinessReasons, routeTo } from '../helpers/weir-in-cluster.ts'

t.test('a Service that is not there, the wrong port and pods that never came are told everywhere', async t => {
  const { server, port, start } = await clusterOf(t)
  server.createSlice({ name: 'idle-a', service: 'idle', endpoints: [], ports: [] })
  const weir = await start([routeTo('gone', 'wbe'), routeTo('port', 'web', { port: 80 }), routeTo('idle', 'idle'), routeTo('fine', 'web')])
  await weir.untilReadiness(200)
  const kinds = { gone: 'no-slices', port: 'no-port', idle: 'no-endpoints' }
  for (const [route, problem] of Object.entries(kinds)) {
    t.match((await weir.api('GET', `/v1/routes/${route}`)).body, { versions: [{ source: { state: 'synced', problem, detail: /./ } }] })
    t.equal(await weir.untilMetric('weir_endpoint_source_problem', 1, { route, problem }), 1, route)
  }
  t.match(await readinessReasons(weir), [/route "gone": no EndpointSlice/, new RegExp(`route "port": .* no TCP port 80; there is ${port} \\(http\\)`), /route "idle": Service "idle" has no pods/])
  for (const route of Object.keys(kinds)) {
    await weir.untilLine(line => line.message === 'the version has no endpoints to use' && line['route'] === route, `that "${route}" is empty`)
  }
  t.strictSame(weir.logged('the version has no endpoints to use').map(({ route, problem }) => [route, problem]), Object.entries(kinds), 'once each')
  t.ok(await weir.metric('weir_endpoint_source_age_seconds', { route: 'fine' }) < 60)
  server.patchSlice({ name: 'idle-a', endpoints: ['127.0.0.1'], ports: [{ name: 'http', protocol: 'TCP', port }] })
  t.match(await weir.untilLogged('the version has endpoints now'), { route: 'idle' })
  t.equal(await weir.untilMetric('weir_endpoint_source_problem', 0, { route: 'idle' }), 0)
  t.equal(await weir.stop(), 0)
})

t.test('each pod of a dual-stack Service counts once, by the address that the configuration asks for', async t => {
  const { server, port, start } = await clusterOf(t)
  const pod = { conditions: { ready: true, serving: true, terminating: false }, targetRef: { kind: 'Pod', name: 'a', uid: 'a' } }
  const ports = [{ name: 'http', protocol: 'TCP', port }]
  server.createSlice({ name: 'dual-4', service: 'dual', endpoints: [{ ...pod, addresses: ['127.0.0.1'] }], ports })
  server.createSlice({ name: 'dual-6', service: 'dual', addressType: 'IPv6', endpoints: [{ ...pod, addresses: ['fd00::1'] }], ports })
  const weir = await start([routeTo('dual', 'dual')], { ipFamily: 'IPv6' })
  await weir.untilReadiness(200)
  t.equal(await weir.untilMetric('weir_endpoints', 1, { route: 'dual', condition: 'total' }), 1)
  t.match((await weir.api('GET', '/v1/routes/dual')).body, { versions: [{ endpoints: [{ address: 'fd00::1' }] }] })
  t.equal(await weir.stop(), 0)
})
