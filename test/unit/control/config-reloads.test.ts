/**
 * When reloads happen: one at a time, the newest wins, none after the end, and a failed one again.
 */
import t from 'tap'
import { ConfigError } from '../../../src/config/config-error.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Config } from '../../../src/config/schema.ts'
import { PrepareTimeoutError } from '../../../src/control/reload.ts'
import { ConfigReloads } from '../../../src/control/config-reloads.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { until } from '../../helpers/until.ts'

const { config: START } = await loadConfig({ file: 'test/fixtures/config/valid-minimal.yaml', env: {}, args: [] })

/** One that is told apart by its timeout. */
const configOf = (firstByte: string): Config => ({ ...START, timeouts: { ...START.timeouts, firstByte } })

/** Reloads that the test ends. */
function setUp () {
  const clock = new FakeClock()
  const log = new ListLog()
  const results: string[] = []
  const begun: Array<{
    readonly name: string
    readonly wanted: () => boolean
    readonly end: (done: boolean) => void
    readonly fail: (error: Error) => void
  }> = []
  const newest = { name: '1s' }
  const reloads = new ConfigReloads(START, {
    clock,
    log,
    metrics: { configReloaded: result => { results.push(result) } },
    newest: () => ({ config: configOf(newest.name), warnings: [] }),
    reload: {
      run: async (config, wanted) => await new Promise((resolve, reject) => {
        begun.push({ name: config.timeouts.firstByte, wanted, end: resolve, fail: reject })
      })
    }
  })
  const nth = async (index: number) => {
    await until(() => begun.length > index)
    const found = begun[index]
    if (found === undefined) throw new Error('there is none')
    return found
  }
  const ask = (name: string): void => {
    newest.name = name
    reloads.ask()
  }
  /** Fails one, and waits for the next try to be planned. */
  const failNth = async (index: number): Promise<void> => {
    (await nth(index)).fail(new Error('no space'))
    await until(() => clock.pending === 1)
  }
  return { clock, log, results, begun, reloads, nth, failNth, ask, inForce: () => reloads.config.timeouts.firstByte }
}

t.test('one that comes during another waits, and of several the newest wins', async t => {
  const { begun, nth, ask, inForce, results } = setUp()
  ask('1s')
  const first = await nth(0)
  ask('2s')
  ask('3s')
  t.equal(begun.length, 1)
  first.end(true)
  const second = await nth(1)
  t.equal(second.name, '3s')
  t.equal(inForce(), '1s')
  second.end(true)
  await until(() => inForce() === '3s')
  t.equal(begun.length, 2)
  t.same(results, ['success', 'success'])
})

t.test('what changes beside the configuration waits for a reload that is under way', async t => {
  const { reloads, nth, ask } = setUp()
  let done = 0
  reloads.between(() => { done++ })
  await until(() => done === 1)
  ask('1s')
  const first = await nth(0)
  reloads.between(() => { done++ })
  await new Promise(setImmediate)
  t.equal(done, 1)
  first.end(true)
  await until(() => done === 2)
})

t.test('what throws between two reloads is logged, and the next reload comes all the same', async t => {
  const { reloads, log, nth, ask, inForce } = setUp()
  reloads.between(() => { throw new Error('broken') })
  await until(() => log.at('error').length === 1)
  ask('1s')
  ;(await nth(0)).end(true)
  await until(() => inForce() === '1s')
  t.match(log.at('error'), [{ fields: { error: 'broken' } }])
})

t.test('the end gives up one that has stored nothing, without waiting for it, and no other begins', async t => {
  const { reloads, begun, nth, ask, inForce } = setUp()
  ask('1s')
  const first = await nth(0)
  ask('2s')
  await reloads.stop()
  t.equal(first.wanted(), false)
  first.end(false)
  ask('3s')
  reloads.between(() => { t.fail('too late') })
  await new Promise(setImmediate)
  t.equal(begun.length, 1)
  t.equal(inForce(), START.timeouts.firstByte)
})

t.test('the end waits for one that stores and swaps', async t => {
  const { reloads, nth, ask, inForce } = setUp()
  ask('1s')
  const first = await nth(0)
  t.equal(first.wanted(), true)
  let ended = false
  const stopping = reloads.stop().then(() => { ended = true })
  await new Promise(setImmediate)
  t.equal(ended, false)
  first.end(true)
  await stopping
  t.equal(inForce(), '1s')
})

t.test('one that fails is logged and counted once, and tried again until it succeeds', async t => {
  const { clock, log, results, nth, failNth, ask, inForce } = setUp()
  ask('1s')
  for (const index of [0, 1]) {
    await failNth(index)
    t.equal(inForce(), START.timeouts.firstByte)
    clock.advance(10_000)
  }
  t.match(log.at('error'), [{ message: /could not be applied; the last good one stays/, fields: { error: 'no space' } }])
  t.equal(log.at('error').length, 1)
  t.same(results, ['failure'])
  ;(await nth(2)).end(true)
  await until(() => inForce() === '1s')
  t.same(results, ['failure', 'success'])
  t.equal(clock.pending, 0)
})

t.test('news takes the place of the next try, and its own failure is told', async t => {
  const { clock, log, results, failNth, ask } = setUp()
  ask('1s')
  await failNth(0)
  ask('2s')
  t.equal(clock.pending, 0)
  await failNth(1)
  t.equal(log.at('error').length, 2)
  t.same(results, ['failure', 'failure'])
})

t.test('a file that is wrong, and the end, end the tries', async t => {
  const wrong = setUp()
  wrong.ask('1s')
  await wrong.failNth(0)
  wrong.reloads.refuse(new ConfigError([{ path: 'routes', value: null, message: 'is wrong', source: 'f' }]))
  t.equal(wrong.clock.pending, 0)
  t.same(wrong.results, ['failure', 'failure'])
  const ended = setUp()
  ended.ask('1s')
  await ended.failNth(0)
  await ended.reloads.stop()
  t.equal(ended.clock.pending, 0)
})

t.test('what needs a restart stays as it was, and says so', async t => {
  const { config: other } = await loadConfig({ file: 'test/fixtures/config/valid-minimal.yaml', env: {}, args: [] })
  const log = new ListLog()
  const seen: Config[] = []
  const reloads = new ConfigReloads(START, {
    clock: new FakeClock(),
    log,
    metrics: { configReloaded: () => {} },
    newest: () => ({
      config: { ...other, workers: 7, io: 'events', accessLog: { ...other.accessLog, mode: 'on', path: '/elsewhere' } },
      warnings: []
    }),
    reload: {
      run: async config => {
        seen.push(config)
        return true
      }
    }
  })
  reloads.ask()
  await until(() => log.at('info').length === 1)
  t.match(seen, [{ workers: START.workers, io: START.io, accessLog: { mode: 'on', path: START.accessLog.path } }])
  t.match(log.at('warn'), [{ fields: { options: 'workers, io, accessLog.path' } }])
})

t.test('one that hangs is refused once, and tried again when what hung has ended, not before', async t => {
  const { clock, log, results, begun, nth, ask, inForce } = setUp()
  const { promise, resolve } = Promise.withResolvers<void>()
  ask('1s')
  ;(await nth(0)).fail(new PrepareTimeoutError('tokens', promise))
  await until(() => log.at('error').length === 1)
  t.match(log.at('error'), [{ fields: { error: /"tokens" was not ready/, retryInMs: undefined } }])
  clock.advance(60_000)
  await new Promise(setImmediate)
  t.equal(begun.length, 1)
  resolve()
  ;(await nth(1)).end(true)
  await until(() => inForce() === '1s')
  t.same(results, ['failure', 'success'])
})

t.test('news comes through while an earlier configuration hangs, and its end is no news then', async t => {
  const { log, begun, nth, ask, inForce } = setUp()
  const { promise, resolve } = Promise.withResolvers<void>()
  ask('1s')
  ;(await nth(0)).fail(new PrepareTimeoutError('tokens', promise))
  await until(() => log.at('error').length === 1)
  ask('2s')
  ;(await nth(1)).end(true)
  await until(() => inForce() === '2s')
  resolve()
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  t.equal(begun.length, 2)
})
