/**
 * A reload of the whole control plane, with a failure put into each step of each part in turn: all is as it was before.
 */
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import type { Config } from '../../../src/config/schema.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { Participant } from '../../../src/core/prepared-change.ts'
import { ControlPlane } from '../../../src/runtime/control-plane.ts'
import { ProcessLogger } from '../../../src/telemetry/process-logger.ts'
import { freePorts } from '../../helpers/free-port.ts'
import { getOnce } from '../../helpers/keep-alive-client.ts'
import { KubeApiServer } from '../../helpers/kube-api-server.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { until } from '../../helpers/until.ts'
import { certificateFile } from '../../helpers/upstream-certificates.ts'
import { eventually } from '../../helpers/weir-process.ts'

const TOKENS = { before: 'the-token-of-before-0123456789', after: 'the-token-of-after-0123456789' }
const REFUSED = 'the new configuration could not be applied; the last good one stays in force'
const RELOADED = 'the configuration was reloaded'
const STEPS = ['prepare', 'prepared', 'persist', 'persisted', 'commit', 'committed'] as const

/** Makes one step of one part throw: before it does anything, or after it has done all. */
function failing (
  own: ReadonlyArray<Participant<Config>>, fails: (part: string, step: typeof STEPS[number]) => void
): ReadonlyArray<Participant<Config>> {
  return own.map(({ name, prepare }) => ({
    name,
    prepare: async config => {
      fails(name, 'prepare')
      const change = await prepare(config)
      try {
        fails(name, 'prepared')
      } catch (error) {
        // A part that fails to prepare has nothing that others could discard.
        await change.discard()
        throw error
      }
      return {
        ...change,
        persist: async () => {
          fails(name, 'persist')
          await change.persist?.()
          fails(name, 'persisted')
        },
        commit: () => {
          fails(name, 'commit')
          change.commit()
          fails(name, 'committed')
        }
      }
    }
  }))
}

t.test('whatever fails in a reload, everything is as it was; then it succeeds', async t => {
  const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const directory = await temporaryDirectory(t)
  const at = (name: string): string => path.join(directory, name)
  await writeFile(at('kubeconfig'), server.kubeconfig())
  for (const [name, token] of Object.entries(TOKENS)) await writeFile(at(name), token)
  const [web = 0, admin = 0] = await freePorts(2)
  const configOf = (when: 'before' | 'after') => {
    const isNew = when === 'after'
    const [first, second] = isNew ? [canary, stable] : [stable, canary]
    return JSON.stringify({
      workers: 1,
      listeners: [{ name: 'web', address: '127.0.0.1', port: web }],
      admin: { port: admin, tokens: [{ name: when, role: 'operator', file: at(when) }] },
      log: { level: isNew ? 'debug' : 'info' },
      state: { store: 'file', path: at('state.json') },
      kubernetes: { kubeconfig: at('kubeconfig') },
      routes: [
        {
          name: 'hello',
          versions: [
            { name: 'stable', weight: isNew ? 7 : 1, endpoints: { static: [first.endpoint] } },
            { name: 'canary', weight: 0, endpoints: { static: [second.endpoint] } }
          ]
        },
        {
          name: 'far',
          match: { path: '/far' },
          versions: [{ name: 'v', weight: 1, endpoints: { service: 'web', port: 'http', namespace: isNew ? 'lab' : 'shop' } }]
        },
        ...(isNew
          ? [{
              name: 'new',
              match: { path: '/new' },
              versions: [{ name: 'v', weight: 1, endpoints: { static: [second.endpoint] }, tls: { ca: certificateFile('ca') } }]
            }]
          : [])
      ]
    })
  }
  const file = at('weir.yaml')
  await writeFile(file, configOf('before'))
  const lines: Array<Readonly<Record<string, unknown>>> = []
  const log = new ProcessLogger('info', { write: line => { lines.push(JSON.parse(line) as Record<string, unknown>) } })
  const sources = { file, env: {}, args: [] }
  const fault = { part: '', step: '' }
  const parts: string[] = []
  const plane = new ControlPlane(await loadConfig(sources), {
    clock: systemClock,
    log,
    sources,
    participants: own => {
      parts.push(...own.map(({ name }) => name))
      return failing(own, (part, step) => {
        if (part === fault.part && step === fault.step) throw new Error(`${part} ${step} for a test`)
      })
    }
  })
  // The clock's timers do not keep the process alive.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(async () => {
    clearInterval(alive)
    await plane.stop({ delay: async () => {}, insisted: Promise.resolve() })
  })
  await plane.start(new Promise(() => {}))
  const ask = async (resource: string, token: string): Promise<Response> =>
    await fetch(`http://127.0.0.1:${admin}${resource}`, { headers: { authorization: `Bearer ${token}` } })
  const bodyAt = async (where: string): Promise<string> => (await getOnce({ port: web }, where)).body

  const picture = async (): Promise<unknown> => {
    const from = lines.length
    log.debug('a line for the level')
    const { routes } = await (await ask('/v1/routes', TOKENS.before)).json() as { readonly routes: unknown }
    const state = JSON.parse(await readFile(at('state.json'), 'utf8')) as { readonly state?: unknown }
    return {
      routes,
      level: lines.length > from,
      tokens: [(await ask('/v1/routes', TOKENS.before)).status, (await ask('/v1/routes', TOKENS.after)).status],
      state: Reflect.has(state, 'state') ? state.state : Object.keys(state),
      ready: (await ask('/readyz', TOKENS.before)).status,
      watches: server.requests.map(({ path: watched }) => watched).filter(watched => watched.includes('/lab/')),
      served: [await bodyAt('/'), await bodyAt('/new')]
    }
  }
  await until(() => server.watchCount === 1)
  const before = await picture()
  const reload = async (content: string, message: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const from = lines.length
    const told = () => lines.slice(from).find(line => line['message'] === message)
    await writeFile(file, content)
    await until(() => told() !== undefined)
    return told()
  }

  t.same(parts, ['authorities', 'keys', 'tokens', 'webhooks', 'log level', 'discovery', 'weights', 'lists', 'routes'])
  for (const part of parts) {
    for (const step of STEPS) {
      Object.assign(fault, { part, step })
      // Other content each time: a file that is wrong is told once.
      const line = await reload(`${configOf('after')}\n# ${part} ${step}`, REFUSED)
      t.match(line, { error: `${part} ${step} for a test` }, 'it is this that has failed')
      t.same(await picture(), before, `${part} ${step}`)
    }
  }
  Object.assign(fault, { part: '', step: '' })
  await mkdir(path.join(at('state.json.tmp'), 'in-the-way'), { recursive: true })
  await reload(`${configOf('after')}\n# a store that fails`, REFUSED)
  t.same(await picture(), before, 'a store that fails')
  await rmdir(path.join(at('state.json.tmp'), 'in-the-way'))
  await rmdir(at('state.json.tmp'))

  await reload(`${configOf('after')}\n# nothing fails`, RELOADED)
  t.equal((await ask('/v1/routes', TOKENS.after)).status, 200)
  await until(() => server.requests.some(({ path: watched }) => watched.includes('/lab/')))
  await t.resolves(eventually(async () => await bodyAt('/') === 'canary' ? true : undefined), 'the endpoints have changed places')
})
