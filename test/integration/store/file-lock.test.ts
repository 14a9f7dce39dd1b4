import { execFileSync } from 'node:child_process'
import { readdir, readFile, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import { FileLock, identifyProcess } from '../../../src/store/file-lock.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const clock = new FakeClock()

const holder = (fields: object) => JSON.stringify({ token: 'theirs', pid: 2 ** 22 + 1, host: hostname(), started: 'boot/1', ...fields })

t.test('the same process can\'t lock a file twice, and can again once it is released', async t => {
  const path = join(t.testdir(), 'x.lock')
  const lock = await FileLock.acquire(path, clock)
  await t.rejects(FileLock.acquire(path, clock), { name: 'StoreError', code: 'locked', message: new RegExp(`process ${process.pid}`) })
  await lock.verify()
  await lock.release()
  t.same(await readdir(join(path, '..')), [])
  const again = await FileLock.acquire(path, clock)
  await again.release()
})

t.test('locks that belong to nobody are taken over', async t => {
  const stale = {
    'of a dead process': holder({}),
    'of an earlier process with our id, as after the restart of a container': holder({ pid: process.pid, started: 'boot/0' }),
    'of a living process id that was reused': holder({ pid: process.ppid, started: 'boot/0' }),
    empty: '',
    'not JSON': 'xx',
    'of another kind': '{"pid":"1"}',
    'too long': 'x'.repeat(10_000)
  }
  for (const [kind, content] of Object.entries(stale)) {
    const path = join(t.testdir({ 'x.lock': content }), 'x.lock')
    const lock = await FileLock.acquire(path, clock)
    await lock.verify()
    t.match(JSON.parse(await readFile(path, 'utf8')), { pid: process.pid }, kind)
    await lock.release()
    t.same(await readdir(join(path, '..')), [], 'nothing is left over')
  }
})

t.test('a living holder is respected even when the time of its start is unknown', async t => {
  const path = join(t.testdir({ 'x.lock': holder({ pid: process.ppid, started: null }) }), 'x.lock')
  await t.rejects(FileLock.acquire(path, clock), { code: 'locked' })
})

t.test('a lock of another host counts until it was not touched for a minute', async t => {
  const path = join(t.testdir({ 'x.lock': holder({ host: 'elsewhere' }) }), 'x.lock')
  const touch = async (agoMs: number) => {
    const at = (systemClock.wallMs() - agoMs) / 1000
    await utimes(path, at, at)
  }
  await touch(20_000)
  await t.rejects(FileLock.acquire(path, systemClock), { code: 'locked', message: /on host elsewhere, seen 2\d s ago/ })
  await touch(61_000)
  const lock = await FileLock.acquire(path, systemClock)
  await lock.release()
})

t.test('a held lock is touched, so that other hosts see that its holder lives', async t => {
  const path = join(t.testdir(), 'x.lock')
  const moving = new FakeClock(systemClock.wallMs())
  const lock = await FileLock.acquire(path, moving)
  t.equal(moving.pending, 1)
  moving.advance(25_000)
  t.equal(moving.pending, 1, 'again and again')
  await lock.release()
  t.equal(moving.pending, 0, 'until it is released')
})

t.test('a lock that was taken away is noticed, and not removed by its former holder', async t => {
  const path = join(t.testdir(), 'x.lock')
  const lock = await FileLock.acquire(path, clock)
  await writeFile(path, holder({}))
  await t.rejects(lock.verify(), { code: 'lock-lost' })
  await lock.release()
  t.equal(await readFile(path, 'utf8'), holder({}))
  await unlink(path)
  await t.rejects(lock.verify(), { code: 'lock-lost' })
})

t.test('of many that find a dead lock at once, one gets it', async t => {
  const path = join(t.testdir({ 'x.lock': holder({}) }), 'x.lock')
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => FileLock.acquire(path, clock)))
  const locks = results.flatMap(result => result.status === 'fulfilled' ? [result.value] : [])
  const verdicts = await Promise.allSettled(locks.map(lock => lock.verify()))
  t.equal(verdicts.filter(({ status }) => status === 'fulfilled').length, 1, 'one may write')
  for (const lock of locks) await lock.release()
})

t.test('a process is alive or not', async t => {
  t.match(await identifyProcess(process.pid), { alive: true, started: String })
  t.same(await identifyProcess(2 ** 22 + 1), { alive: false })
  t.same(await identifyProcess(process.pid), await identifyProcess(process.pid))
})

t.test('a lock of another host whose time is in the future is taken over, unless somebody touches it', async t => {
  const path = join(t.testdir(), 'x.lock')
  const future = systemClock.wallMs() / 1_000 + 86_400
  const lay = async (): Promise<void> => {
    await writeFile(path, holder({ host: 'elsewhere' }))
    await utimes(path, future, future)
  }
  let looks = 0
  let touch = async (): Promise<void> => {}
  // Waits take no time here; each of them is one look.
  const hasty = {
    ...systemClock,
    after: (_delayMs: number, look: () => void) => {
      looks++
      if (looks < 100) void touch().then(look)
      return { cancel: () => {} }
    }
  }
  await lay()
  touch = async () => { await utimes(path, future + looks, future + looks) }
  await t.rejects(FileLock.acquire(path, hasty), { code: 'locked', message: /on host elsewhere/ })
  t.equal(looks, 1)
  touch = async () => {}
  await lay()
  looks = 0
  const lock = await FileLock.acquire(path, {
    ...hasty, after: (delayMs, look) => delayMs >= 3_000 ? { cancel: () => {} } : hasty.after(delayMs, look)
  })
  t.equal(looks, 12, 'two heartbeats long')
  await lock.release()
})

t.test('what is no regular file is no lock, and nobody waits for it', { skip: process.platform === 'win32' }, async t => {
  const directory = t.testdir({ directory: {} })
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe], { env: childEnvironment() })
  await symlink('/dev/zero', join(directory, 'device'))
  for (const name of ['pipe', 'device', 'directory']) {
    await t.rejects(FileLock.acquire(join(directory, name), clock), { code: 'io', message: /is not a regular file.*remove it/ }, name)
  }
})
