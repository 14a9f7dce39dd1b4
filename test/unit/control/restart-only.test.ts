import t from 'tap'
import { findRestartOnlyChanges } from '../../../src/control/config-reloads.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'

const resolve = createConfigResolver()

async function load (text: string) {
  return (await resolve({ bytes: Buffer.from(text), fileName: 'f', env: {}, args: [] })).config
}

t.test('only what is bound or opened once needs a restart', async t => {
  const before = await load('listeners: [{ name: web, port: 8080 }]\nroutes: []')
  t.same(findRestartOnlyChanges(before, await load('{ "routes": [], "listeners": [{ "port": 8080, "name": "web" }] }')), [])
  t.same(findRestartOnlyChanges(before, await load('listeners: [{ name: web, port: 8080 }]\nroutes: []\nlog: { level: debug }\naccessLog: { mode: on }\nlimits: { maxBodyBytes: 1 }')), [])
  t.same(findRestartOnlyChanges(before, await load('listeners: [{ name: web, port: 8081 }]\nroutes: []\nadmin: { port: 1 }\naccessLog: { path: x }\nworkers: 3')), ['listeners', 'workers', 'admin.port', 'accessLog.path'])
  t.same(findRestartOnlyChanges(before, await load('listeners: [{ name: web, port: 8080 }]\nroutes: []\nreplicas: { name: weir-0 }')), ['replicas'])
})
