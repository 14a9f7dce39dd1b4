/**
 * What a start loads: docs/adr/0004-light-at-rest.md. Each thing that may not be loaded was once there by accident, by an
 * import that looks harmless, and cost 10 MiB and 80 ms or more.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)

/** Every module that a process has loaded after these imports, and after `use` of what the last one exports: URLs, and the names of Node's own. */
async function loadedBy (files: readonly string[], use = ''): Promise<readonly string[]> {
  const script = `
    import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ load (url, context, next) { urls.push(url); return next(url, context) } })
    let exported
    for (const file of ${JSON.stringify(files)}) exported = await import(new URL(file, ${JSON.stringify(new URL('../../../src/', import.meta.url).href)}))
    ${use}
    console.log(JSON.stringify([...urls, ...process.moduleLoadList]))
    process.exit()`
  // Not by this process: tap adds modules of its own to the environment of what it sees started.
  const { stdout } = await run('/usr/bin/env', ['-i', process.execPath, '--input-type=module', '--eval', script])
  const loaded: unknown = JSON.parse(stdout)
  return Array.isArray(loaded) ? loaded.map(String) : []
}

const among = (loaded: readonly string[], part: RegExp): readonly string[] => loaded.filter(name => part.test(name))

t.test('the control plane loads neither ajv, nor TypeBox, nor the Kubernetes library, nor fetch, nor what it leaves of prom-client', async t => {
  const loaded = await loadedBy(['runtime/run.ts', 'admin/admin-server.ts'])
  t.ok(among(loaded, /node_modules\/fastify\//).length > 0, 'modules of packages are seen')
  t.ok(among(loaded, /^NativeModule http$/).length > 0, 'modules of Node are seen')
  t.same(among(loaded, /node_modules\/(ajv|typebox|@kubernetes)\//), [])
  t.same(among(loaded, /undici/), [], 'import of node:http loads it; require, and import of types, do not')
  t.ok(among(loaded, /prom-client\/lib\/counter\.js$/).length > 0, 'what is used of prom-client is seen')
  t.same(among(loaded, /prom-client\/(index|lib\/(pushgateway|summary|cluster|defaultMetrics))\.js$/), [], 'its index loads the rest')
})

t.test('a worker loads no package at all, and no http of Node', async t => {
  const loaded = await loadedBy(['worker/worker-app.ts'])
  t.ok(among(loaded, /src\/downstream\/listener\.ts$/).length > 0, 'modules of Weir are seen')
  t.same(among(loaded, /node_modules\//), [])
  t.same(among(loaded, /^NativeModule (http|https|http2|tls)$/), [])
})

t.test('of the Kubernetes library what knows credentials is loaded, and none of its clients', async t => {
  const loaded = await loadedBy(['kube/load-kube-config.ts'], 'new (await exported.loadKubeConfig())()')
  t.ok(among(loaded, /client-node\/dist\/config\.js$/).length > 0, 'modules of the library are seen')
  t.same(among(loaded, /client-node\/dist\/gen\/(?!rxjsStub)/), [], 'there are 837, with 17 MB of text')
})

t.test('a generator of random numbers is seeded without Web Crypto', async t => {
  const loaded = await loadedBy(['core/random.ts'], 'new exported.Random()')
  t.ok(among(loaded, /src\/core\/random\.ts$/).length > 0, 'modules of Weir are seen')
  t.same(among(loaded, /webcrypto/), [], 'a look at the global `crypto` loads it')
})
