import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { CLOSE_LIMIT_MS, HELLO_DEFAULTS, readHelloOptions } from '../../../deploy/examples/hello/hello-server.ts'
import { at, DEPLOY, findObject, listAt, readManifests } from './manifests.ts'

t.test('the route of the overlay points at the Services of the sample, by the name of a port they have', async t => {
  const { config } = await loadConfig({ file: path.join(DEPLOY, 'overlays/hello/weir.yaml'), env: {}, args: [] })
  const versions = config.routes.flatMap(route => route.versions)
  t.same(versions.map(({ name }) => name), ['stable', 'canary'])
  for (const { name, endpoints } of versions) {
    const objects = readManifests(`examples/hello/${name}.yaml`)
    if (!('service' in endpoints)) throw new TypeError('a Service was expected')
    const service = findObject(objects, 'Service', endpoints.service)
    t.ok(listAt(service, 'spec.ports').some(port => at(port, 'name') === endpoints.port), name)
    const pod = at(findObject(objects, 'Deployment', endpoints.service), 'spec.template')
    t.same(at(service, 'spec.selector'), at(pod, 'metadata.labels'), 'the Service selects its own pods only')
    const env = Object.fromEntries(listAt(pod, 'spec.containers.0.env').map(variable => [
      at(variable, 'name'),
      String(at(variable, 'value'))
    ]))
    t.same(readHelloOptions([], env), { ...HELLO_DEFAULTS, version: name === 'stable' ? '1.0.0' : '2.0.0', address: '0.0.0.0', port: 8080 })
    t.equal(at(pod, 'spec.containers.0.ports.0.containerPort'), 8080)
  }
})

t.test('a pod of the sample goes on while others hear that it goes, and then has the time to finish', async t => {
  for (const name of ['stable', 'canary']) {
    const pod = at(findObject(readManifests(`examples/hello/${name}.yaml`), 'Deployment', `hello-${name}`), 'spec.template.spec')
    const [command, seconds] = listAt(pod, 'containers.0.lifecycle.preStop.exec.command')
    t.equal(command, 'sleep')
    t.ok(Number(seconds) >= 5, name)
    t.ok(Number(at(pod, 'terminationGracePeriodSeconds')) > Number(seconds) + CLOSE_LIMIT_MS / 1_000, name)
  }
})
