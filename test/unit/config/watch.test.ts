import t from 'tap'
import { ConfigError } from '../../../src/config/config-error.ts'
import { digestOf, type LoadedConfig } from '../../../src/config/resolve.ts'
import { ConfigWatcher } from '../../../src/config/watch.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const POLL_MS = 5_000
const SETTLE_MS = 100
const GRACE_MS = 2_000

/** A watcher of a file that is a string; null when it is gone. Text that starts with `bad` can't be loaded. */
function createScene (initial: string) {
  const clock = new FakeClock()
  const told: string[] = []
  let content: string | null = initial
  let exhausted = false
  let reads = 0
  let hint: (() => void) | null = null
  const watcher = new ConfigWatcher({
    clock,
    digest: digestOf(Buffer.from(initial)),
    pollMs: POLL_MS,
    settleMs: SETTLE_MS,
    graceMs: GRACE_MS,
    file: {
      read: async () => {
        reads++
        if (exhausted) throw new ConfigError([{ path: '', value: null, message: 'no file descriptor is free', source: 'f' }], 0, true)
        if (content === null) throw refusal('is gone')
        return Buffer.from(content)
      },
      subscribe (onHint) {
        hint = onHint
        return () => { hint = null }
      }
    },
    resolve: async bytes => {
      const text = Buffer.from(bytes).toString()
      if (text.startsWith('bad')) throw refusal(text)
      if (text.startsWith('bug')) throw new TypeError(text)
      return loaded(text)
    },
    onChange: ({ digest }) => { told.push(digest) },
    onError: error => { told.push(`error: ${error.faults[0]?.message ?? ''}`) }
  })
  return {
    clock,
    told,
    watcher,
    reads: () => reads,
    isSubscribed: () => hint !== null,
    hint: () => { hint?.() },
    write: (text: string | null) => { content = text },
    exhaust: (all: boolean) => { exhausted = all },
    /** Moves the time in small steps, letting promises settle in between. */
    async pass (ms: number) {
      for (let gone = 0; gone < ms; gone += 50) {
        clock.advance(50)
        for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      }
    }
  }
}

function refusal (message: string): ConfigError {
  return new ConfigError([{ path: '', value: null, message, source: 'f' }])
}

function loaded (digest: string): LoadedConfig {
  // The watcher hands the configuration on and does not look into it.
  return { config: {} as LoadedConfig['config'], warnings: [], digest }
}

t.test('nothing is told while the content stays', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  scene.hint()
  await scene.pass(3 * POLL_MS)
  t.same(scene.told, [])
  t.ok(scene.reads() >= 3, 'though it was looked at')
})

t.test('a change is taken soon after a hint', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  await scene.pass(1_000)
  scene.write('two')
  scene.hint()
  await scene.pass(3 * SETTLE_MS)
  t.same(scene.told, ['two'])
})

t.test('a change is taken by the poll when no hint comes', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  await scene.pass(1_000)
  scene.write('two')
  await scene.pass(POLL_MS + 3 * SETTLE_MS)
  t.same(scene.told, ['two'])
})

t.test('a change from before the start is taken', async t => {
  const scene = createScene('one')
  scene.write('two')
  scene.watcher.start()
  await scene.pass(3 * SETTLE_MS)
  t.same(scene.told, ['two'])
})

t.test('half-written content is not taken', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  await scene.pass(1_000)
  for (const text of ['', 't', 'tw']) {
    scene.write(text)
    scene.hint()
    await scene.pass(SETTLE_MS)
  }
  t.same(scene.told, [])
  scene.write('two')
  scene.hint()
  await scene.pass(4 * SETTLE_MS)
  t.same(scene.told, ['two'])
})

t.test('a bad file is told once, and the next good one is taken', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  scene.write('bad two')
  await scene.pass(3 * POLL_MS)
  t.same(scene.told, ['error: bad two'])
  scene.write('bad three')
  scene.hint()
  await scene.pass(POLL_MS)
  scene.write('one')
  scene.hint()
  await scene.pass(POLL_MS)
  t.same(scene.told, ['error: bad two', 'error: bad three', 'one'], 'the content from before is news after a bad one')
})

t.test('a defect in loading is told like a bad file, and watching goes on', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  scene.write('bug')
  await scene.pass(POLL_MS)
  scene.write('two')
  await scene.pass(2 * POLL_MS)
  t.same(scene.told, ['error: cannot be loaded: bug', 'two'])
})

t.test('a file that is gone for a moment is not told of', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  await scene.pass(1_000)
  scene.write(null)
  scene.hint()
  await scene.pass(GRACE_MS - 500)
  scene.write('one')
  await scene.pass(POLL_MS)
  t.same(scene.told, [])
})

t.test('a file that stays away is told of once, and its return is news', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  scene.write(null)
  await scene.pass(3 * POLL_MS)
  t.same(scene.told, ['error: is gone'])
  scene.write('one')
  scene.hint()
  await scene.pass(POLL_MS)
  t.same(scene.told, ['error: is gone', 'one'])
  scene.write(null)
  await scene.pass(2 * POLL_MS)
  t.same(scene.told, ['error: is gone', 'one', 'error: is gone'])
})

t.test('a storm of hints costs few looks', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  for (let round = 0; round < 100; round++) {
    scene.hint()
    await scene.pass(50)
  }
  t.ok(scene.reads() <= 51, `${scene.reads()} looks in 5 s`)
})

t.test('after stop there is no timer, no subscription and no callback', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  scene.write('two')
  scene.clock.advance(SETTLE_MS)
  scene.watcher.stop()
  await scene.pass(3 * POLL_MS)
  t.same(scene.told, [])
  t.equal(scene.isSubscribed(), false)
  t.equal(scene.clock.pending, 0)
  scene.watcher.start()
  await scene.pass(POLL_MS)
  t.same(scene.told, ['two'], 'and it can start again')
  scene.watcher.stop()
})

t.test('a file that no descriptor was free for is told of once, and is not news when there are some again', async t => {
  const scene = createScene('one')
  scene.watcher.start()
  scene.exhaust(true)
  await scene.pass(3 * POLL_MS)
  t.same(scene.told, ['error: no file descriptor is free'])
  scene.exhaust(false)
  await scene.pass(3 * POLL_MS)
  t.same(scene.told, ['error: no file descriptor is free'], 'it is the file that is in force')
  scene.write('two')
  await scene.pass(2 * POLL_MS)
  t.equal(scene.told.length, 2)
})
