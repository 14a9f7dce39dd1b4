/** The three ways to change a configuration file on a real file system. */
import t, { type Test } from 'tap'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../src/core/clock.ts'
import type { ConfigError } from '../../../src/config/config-error.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { LoadedConfig } from '../../../src/config/resolve.ts'
import { createConfigWatcher } from '../../../src/config/watch.ts'

const withPort = (port: number): string => `listeners: [{ name: web, port: ${port} }]\nroutes: []\n`

/** Starts to watch a file; `next` gives what is told next, in order. */
async function watch (t: Test, file: string) {
  const told: (LoadedConfig | ConfigError)[] = []
  let wake: () => void = () => {}
  const tell = (what: LoadedConfig | ConfigError): void => {
    told.push(what)
    wake()
  }
  const sources = { file, env: { WEIR_LOG_LEVEL: 'warn' }, args: [] }
  const { digest } = await loadConfig(sources)
  // The poll is too slow to help: events have to.
  const watcher = createConfigWatcher(sources, systemClock, { digest, onChange: tell, onError: tell, pollMs: 3_600_000, settleMs: 20 })
  watcher.start()
  t.teardown(() => { watcher.stop() })
  const next = async (): Promise<LoadedConfig | ConfigError> => {
    for (;;) {
      const first = told.shift()
      if (first !== undefined) return first
      // The clock's timers do not keep the process alive; this one does while the test waits.
      const keepAlive = setInterval(() => {}, 1_000)
      await new Promise<void>(resolve => { wake = resolve })
      clearInterval(keepAlive)
    }
  }
  return { next }
}

function portOf (what: LoadedConfig | ConfigError): number | string {
  return 'config' in what ? what.config.listeners[0]?.port ?? 'no listener' : what.message
}

t.test('a file written in place', async t => {
  const file = join(t.testdir({ 'weir.yaml': withPort(1) }), 'weir.yaml')
  const { next } = await watch(t, file)
  await writeFile(file, withPort(2))
  const change = await next()
  t.equal(portOf(change), 2)
  t.match(change, { config: { log: { level: 'warn' } } }, 'the environment wins over the new content too')
})

t.test('a file renamed over another', async t => {
  const directory = t.testdir({ 'weir.yaml': withPort(1) })
  const { next } = await watch(t, join(directory, 'weir.yaml'))
  for (const port of [2, 3]) {
    await writeFile(join(directory, 'weir.yaml.new'), withPort(port))
    await rename(join(directory, 'weir.yaml.new'), join(directory, 'weir.yaml'))
    t.equal(portOf(await next()), port)
  }
})

t.test('a mounted ConfigMap, whose ..data link is swapped', async t => {
  const directory = t.testdir({})
  const publish = async (version: string, content: string): Promise<void> => {
    await mkdir(join(directory, `..${version}`))
    await writeFile(join(directory, `..${version}`, 'weir.yaml'), content)
    await symlink(`..${version}`, join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
  }
  await publish('2026_01_01', withPort(1))
  await symlink(join('..data', 'weir.yaml'), join(directory, 'weir.yaml'))
  const { next } = await watch(t, join(directory, 'weir.yaml'))
  await publish('2026_01_02', withPort(2))
  t.equal(portOf(await next()), 2)
  await publish('2026_01_03', 'listeners: []')
  t.match(portOf(await next()), /routes: is missing/, 'a bad one is reported')
  await publish('2026_01_04', withPort(4))
  t.equal(portOf(await next()), 4, 'and the next good one is taken')
})
