/**
 * Reloads with the real process: every way in which the file of the configuration can change, under open connections.
 */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { connectClient, getOnce } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { complete, type PlainConfig, startWeir, temporaryDirectory, type WeirProcess } from '../../helpers/weir-process.ts'

const [stable, canary] = await startOrigins(t, ['stable', 'canary'])

interface Change {
  readonly weights?: readonly [stable: number, canary: number]
  /** The path of a second route that answers `canary`. */
  readonly also?: string
  readonly more?: PlainConfig
}

function configOf ({ weights: [first, second] = [1, 0], also, more = {} }: Change = {}): PlainConfig {
  return {
    workers: 2,
    routes: [
      {
        name: 'hello',
        versions: [
          { name: 'stable', weight: first, endpoints: { static: [stable.endpoint] } },
          { name: 'canary', weight: second, endpoints: { static: [canary.endpoint] } }
        ]
      },
      ...(also === undefined ? [] : [{ name: 'also', match: { path: also }, versions: [{ name: 'v1', weight: 1, endpoints: { static: [canary.endpoint] } }] }])
    ],
    ...more
  }
}

/** Changes the file and waits until Weir has said what it thinks of it. @returns all that it said */
async function reload (weir: WeirProcess, change: () => Promise<void>, message = 'the configuration was reloaded'): Promise<string> {
  const from = weir.log.length
  await change()
  await weir.untilLogged(message, from)
  return JSON.stringify(weir.log.slice(from))
}

const fileOf = (weir: WeirProcess, change: Change): string => JSON.stringify(complete(configOf(change), weir.ports))

t.test('one Weir, one kept-alive connection and one streaming response through all kinds of changes', async t => {
  const weir = await startWeir(t, { config: () => configOf() })
  const kept = await connectClient({ port: weir.ports.web })
  const streaming = await connectClient({ port: weir.ports.web })
  const stream = streaming.begin('/stream')
  await stream.head
  t.equal((await kept.get('/new')).body, 'stable')

  await t.test('a file that is written in place', async t => {
    await reload(weir, async () => { await writeFile(weir.configFile, fileOf(weir, { also: '/new' })) })
    t.equal((await kept.get('/new')).body, 'canary', 'the new route is in force on the old connection')
    t.equal((await kept.get('/')).body, 'stable')
    t.equal((await getOnce({ port: weir.ports.web }, '/new')).body, 'canary')
  })

  await t.test('a file that is renamed over the old one', async t => {
    await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, { also: '/newer' })) })
    t.equal((await kept.get('/newer')).body, 'canary')
    t.equal((await kept.get('/new')).body, 'stable', 'the route that is gone is gone')
    const { body } = await weir.api('GET', '/v1/routes')
    t.match(body, { routes: [{ name: 'hello' }, { name: 'also' }] })
  })

  await t.test('a file that is wrong: the last good configuration stays, and everybody can see it', async t => {
    for (const text of ['{', JSON.stringify({ routes: [] })]) {
      const said = await reload(weir, async () => { await weir.replaceConfig(text) }, 'the new configuration is wrong; the last good one stays in force')
      t.match(said, text === '{' ? weir.configFile : 'listeners', 'the log names the fault')
      t.equal((await kept.get('/newer')).body, 'canary')
      t.equal(await weir.metric('weir_config_last_reload_successful'), 0)
      t.equal((await weir.api('GET', '/readyz')).status, 200)
    }
    t.equal(await weir.metric('weir_config_reloads_total', { result: 'failure' }), 2)
    await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, {})) })
    t.equal((await kept.get('/newer')).body, 'stable')
    t.equal(await weir.metric('weir_config_last_reload_successful'), 1)
    t.equal(await weir.metric('weir_config_reloads_total', { result: 'success' }), 3)
  })

  await t.test('options that need a restart are named, and the rest takes effect', async t => {
    const changed = { also: '/restart', more: { admin: { port: weir.ports.more[0] }, workers: 1, state: { store: 'file', path: './x.json' }, limits: { maxUriBytes: 256 } } }
    const said = await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, changed)) })
    t.match(said, /take effect at the next start/)
    for (const option of ['workers', 'admin.port', 'state']) t.match(said, option)
    t.notMatch(said, 'limits')
    t.equal((await kept.get('/restart')).body, 'canary', 'the admin API answers at its old port, and the route is there')
    t.equal(await weir.metric('weir_workers'), 2)
    t.equal((await getOnce({ port: weir.ports.web }, `/${'x'.repeat(300)}`)).status, 414, 'a limit counts at once')
  })

  await t.test('whom to trust counts at once, on connections that are open too', async t => {
    const versionsOfMany = async (): Promise<number> => {
      const seen = new Set<string>()
      for (let index = 0; index < 30; index++) seen.add((await kept.get('/', { 'x-forwarded-for': `192.0.2.${index}` })).body)
      return seen.size
    }
    const trusting = { clientIp: { trustedProxies: ['127.0.0.1'] } }
    await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, { weights: [1, 1] })) })
    t.equal(await versionsOfMany(), 1)
    await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, { weights: [1, 1], more: trusting })) })
    t.equal(await versionsOfMany(), 2)
    await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, { weights: [1, 1] })) })
    t.equal(await versionsOfMany(), 1)
  })

  t.equal(kept.closed, false, 'the kept-alive connection went through all of it')
  stable.sendToStreams('the end')
  stable.endStreams()
  const { status, body } = await stream.whole
  t.equal(status, 200)
  t.equal(body, 'stable\nthe end', 'the response that began before all of it is whole')
  kept.close()
  streaming.close()
  t.equal(await weir.stop(), 0)
})

/** What the kubelet does: a new directory, and one rename that makes the link `..data` lead there. */
async function updateConfigMap (mount: string, version: string, text: string): Promise<void> {
  const directory = path.join(mount, version)
  await mkdir(directory)
  await writeFile(path.join(directory, 'weir.yaml'), text)
  await symlink(version, path.join(mount, '..data_tmp'))
  await rename(path.join(mount, '..data_tmp'), path.join(mount, '..data'))
}

t.test('a ConfigMap that is updated in its volume', async t => {
  const mount = await temporaryDirectory(t)
  await updateConfigMap(mount, '..2026_01_01', '')
  await symlink('..data/weir.yaml', path.join(mount, 'weir.yaml'))
  // The first start writes through the link.
  const weir = await startWeir(t, { directory: mount, configFile: path.join(mount, 'weir.yaml'), config: () => configOf() })
  const kept = await connectClient({ port: weir.ports.web })
  t.equal((await kept.get('/new')).body, 'stable')
  await reload(weir, async () => {
    await updateConfigMap(mount, '..2026_01_02', fileOf(weir, { also: '/new' }))
    await rm(path.join(mount, '..2026_01_01'), { recursive: true })
  })
  t.equal((await kept.get('/new')).body, 'canary')
  await reload(weir, async () => { await updateConfigMap(mount, '..2026_01_03', fileOf(weir, { also: '/newer' })) })
  t.equal((await kept.get('/newer')).body, 'canary', 'and once more')
  kept.close()
  t.equal(await weir.stop(), 0)
})

async function weightsOf (weir: WeirProcess): Promise<unknown> {
  const { body } = await weir.api('GET', '/v1/routes/hello')
  return typeof body === 'object' && body !== null ? Reflect.get(body, 'weights') : body
}

async function historyOf (t: Test, weir: WeirProcess): Promise<readonly unknown[]> {
  const { body } = await weir.api('GET', '/v1/routes/hello/history')
  const revisions: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'revisions') : undefined
  return Array.isArray(revisions) ? revisions : t.fail('no history') ? [] : []
}

t.test('weights set at run time win until those of the file change; then the file wins, and the history says so', async t => {
  const weir = await startWeir(t, { config: () => configOf({ weights: [100, 0] }) })
  const client = await connectClient({ port: weir.ports.web })
  t.equal((await weir.setWeights('hello', { stable: 0, canary: 100 })).status, 200)
  t.equal((await client.get()).body, 'canary')

  await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, { weights: [100, 0], also: '/new' })) })
  t.same(await weightsOf(weir), { stable: 0, canary: 100 }, 'a reload with the same weights leaves those of run time')
  t.equal((await client.get()).body, 'canary')

  await reload(weir, async () => { await weir.replaceConfig(fileOf(weir, { weights: [80, 0] })) })
  t.same(await weightsOf(weir), { stable: 80, canary: 0 }, 'other weights in the file win')
  t.equal((await client.get()).body, 'stable')

  t.match(await historyOf(t, weir), [
    { source: 'config', action: 'config', before: { stable: 0, canary: 100 }, after: { stable: 80, canary: 0 } },
    { source: 'api', action: 'weights', reason: 'a test', before: { stable: 100, canary: 0 }, after: { stable: 0, canary: 100 } },
    { source: 'config', after: { stable: 100, canary: 0 } }
  ])
  client.close()
  t.equal(await weir.stop(), 0)
})
