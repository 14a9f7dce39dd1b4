import * as files from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { StoreFiles } from '../../../src/store/durable-file.ts'
import { FileStore } from '../../../src/store/file-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { textCodec } from '../../helpers/text-codec.ts'

interface Overrides {
  readonly files?: StoreFiles
  readonly maxBytes?: number
}

async function open (path: string, overrides: Overrides = {}) {
  const log = new ListLog()
  const store = await FileStore.open({ path, codec: textCodec, clock: new FakeClock(), log, ...overrides })
  return { store, log }
}

async function write (store: FileStore<string>, value: string) {
  return await store.compareAndSwap((await store.read()).version, value)
}

t.test('what was committed is there after reopening, in a directory that did not exist', async t => {
  const path = join(await temporaryDirectory(t), 'a/b/state.json')
  const { store } = await open(path)
  t.equal((await store.read()).value, '')
  t.ok((await write(store, 'hello')).ok)
  const { version } = await store.read()
  await store.close()
  const again = await open(path)
  t.same(await again.store.read(), { value: 'hello', version })
  t.same(again.log.events, [])
  await again.store.close()
  t.same(await files.readdir(join(path, '..')), ['state.json'], 'nothing else is left in the directory')
})

t.test('the file is for its owner only', { skip: process.platform === 'win32' }, async t => {
  const path = join(await temporaryDirectory(t), 'private/state.json')
  const { store } = await open(path)
  await write(store, 'secret')
  t.equal((await files.stat(path)).mode & 0o777, 0o600)
  t.equal((await files.stat(join(path, '..'))).mode & 0o777, 0o700)
  await store.close()
})

t.test('a swap with an old version is refused and tells what is there', async t => {
  const { store } = await open(join(await temporaryDirectory(t), 'state.json'))
  const { version } = await store.read()
  const heard: string[] = []
  store.watch(({ value }) => { heard.push(value) })
  const results = await Promise.all(['a', 'b', 'c'].map(value => store.compareAndSwap(version, value)))
  t.same(results.map(({ ok }) => ok), [true, false, false], 'of several at once, one wins')
  t.match(results[1], { reason: 'conflict', current: { value: 'a' } })
  t.same(heard, ['a'])
  await store.close()
})

const BROKEN = {
  empty: '',
  blank: ' \n',
  truncated: '{"format":"weir-state","formatVersion":1,"version":"3","value":"he',
  'of another program': '{"name":"x"}',
  'not an object': '[1]',
  null: 'null',
  'of a newer format': '{"format":"weir-state","formatVersion":2,"version":"3","value":"x"}',
  'with a bad version': '{"format":"weir-state","formatVersion":1,"version":"x","value":"x"}',
  'with a bad value': '{"format":"weir-state","formatVersion":1,"version":"3","value":{}}',
  'not UTF-8': Buffer.from([0x22, 0xff, 0xfe, 0x22])
}

for (const [kind, content] of Object.entries(BROKEN)) {
  t.test(`a file that is ${kind} is moved aside, loudly, and the store starts empty`, async t => {
    const path = join(await temporaryDirectory(t), 'state.json')
    await files.writeFile(path, content)
    const { store, log } = await open(path)
    t.equal((await store.read()).value, '')
    t.match(log.at('error'), [{ fields: { path, movedTo: `${path}.corrupt-1`, fault: /\w/ } }])
    t.same(await files.readFile(`${path}.corrupt-1`), Buffer.from(content), 'not a byte is lost')
    t.ok((await write(store, 'new')).ok)
    await store.close()
  })
}

t.test('corrupt files of earlier starts are not overwritten', async t => {
  const path = join(t.testdir({ 'state.json': 'new', 'state.json.corrupt-1': 'old' }), 'state.json')
  const { store } = await open(path)
  t.equal(await files.readFile(`${path}.corrupt-1`, 'utf8'), 'old')
  t.equal(await files.readFile(`${path}.corrupt-2`, 'utf8'), 'new')
  await store.close()
})

t.test('a file past the bound is not read into memory, and one is not written', async t => {
  const path = join(t.testdir({ 'state.json': 'x'.repeat(300) }), 'state.json')
  const { store, log } = await open(path, { maxBytes: 200 })
  t.match(log.at('error'), [{ fields: { fault: /300 bytes/ } }])
  t.ok((await write(store, 'small')).ok)
  await t.rejects(write(store, 'x'.repeat(200)), { name: 'StoreError', code: 'too-large', message: /more than the 200 allowed/ })
  t.equal((await store.read()).value, 'small')
  await store.close()
})

t.test('a commit syncs the file before it takes the old one\'s place, and the directory after: only then is it on disk', { skip: process.platform === 'win32' }, async t => {
  const path = join(await temporaryDirectory(t), 'state.json')
  const calls: string[] = []
  const port: StoreFiles = {
    ...files,
    rename: async (from, to) => {
      calls.push('rename')
      await files.rename(from, to)
    },
    open: async (opened, flags, mode) => {
      const file = await files.open(opened, flags, mode)
      const sync = file.sync.bind(file)
      file.sync = async () => {
        calls.push(opened === join(path, '..') ? 'sync the directory' : 'sync the file')
        await sync()
      }
      return file
    }
  }
  const { store } = await open(path, { files: port })
  await write(store, 'new')
  t.same(calls, ['sync the file', 'rename', 'sync the directory'])
  await store.close()
})

/** The real file system, in which one call of a commit fails once. */
function failing (step: 'open' | 'open the directory' | 'write' | 'sync' | 'rename', code: string) {
  const state = { armed: false }
  const fail = (): void => {
    if (!state.armed) return
    state.armed = false
    throw Object.assign(new Error(`${code}: injected`), { code })
  }
  const port: StoreFiles = {
    ...files,
    rename: async (from, to) => {
      if (step === 'rename') fail()
      await files.rename(from, to)
    },
    open: async (path, flags, mode) => {
      if (step === 'open' || (step === 'open the directory' && !String(path).endsWith('.tmp'))) fail()
      const file = await files.open(path, flags, mode)
      if (step === 'write') file.writeFile = async () => { fail() }
      if (step === 'sync') file.sync = async () => { fail() }
      return file
    }
  }
  return { port, arm: () => { state.armed = true } }
}

const FAILURES = [
  ['open', 'EROFS', 'not-permitted', /read-only/],
  ['open', 'EACCES', 'not-permitted', /let the user of Weir write/],
  ['open', 'EMFILE', 'io', /no file descriptor is free \(EMFILE\).*the old state is kept/],
  ['open the directory', 'EMFILE', 'io', /no file descriptor is free \(EMFILE\).*the old state is kept/],
  ['write', 'ENOSPC', 'no-space', /no space left/],
  ['sync', 'EIO', 'io', /EIO/],
  ['rename', 'EPERM', 'not-permitted', /not permitted/]
] as const

for (const [step, errno, code, message] of FAILURES) {
  t.test(`${errno} at ${step} fails the commit with a clear error and keeps the old state`, async t => {
    const path = join(await temporaryDirectory(t), 'state.json')
    const { port, arm } = failing(step, errno)
    const { store } = await open(path, { files: port })
    const heard: string[] = []
    if (step === 'write' || step === 'sync') {
      // These replace the call for good, so the first state is written by the real thing.
      await store.close()
      const real = await open(path)
      await write(real.store, 'old')
      await real.store.close()
    } else {
      await write(store, 'old')
      await store.close()
    }
    const again = await open(path, { files: port })
    again.store.watch(({ value }) => { heard.push(value) })
    arm()
    await t.rejects(write(again.store, 'new'), { name: 'StoreError', code, message })
    t.equal((await again.store.read()).value, 'old')
    t.same(heard, [])
    t.match(await files.readdir(join(path, '..')), ['state.json', 'state.json.lock'], 'no temporary file is left')
    await again.store.close()
    const last = await open(path)
    t.equal((await last.store.read()).value, 'old')
    t.ok((await write(last.store, 'newer')).ok, 'the next commit works')
    await last.store.close()
  })
}

/** The real file system, whose directories can't be synced, and on which after that this call fails too. */
function withoutDirectorySync (then?: 'rename') {
  const state = { armed: false, failed: false }
  const fail = (): void => { throw Object.assign(new Error('EIO: injected'), { code: 'EIO' }) }
  const port: StoreFiles = {
    ...files,
    rename: async (from, to) => {
      if (state.failed && then === 'rename') fail()
      await files.rename(from, to)
    },
    open: async (path, flags, mode) => {
      const file = await files.open(path, flags, mode)
      if (!state.armed || String(path).endsWith('.tmp')) return file
      file.sync = async () => {
        state.failed = true
        fail()
      }
      return file
    }
  }
  return { port, state }
}

t.test('a directory that can not be synced: the change is refused, and is not there after a restart', { skip: process.platform === 'win32' }, async t => {
  for (const before of ['old', undefined]) {
    const path = join(await temporaryDirectory(t), 'state.json')
    const { port, state } = withoutDirectorySync()
    const { store } = await open(path, { files: port })
    const initial = (await store.read()).value
    if (before !== undefined) await write(store, before)
    state.armed = true
    await t.rejects(write(store, 'new'), { name: 'StoreError', code: 'io', message: /syncing the directory of .*state\.json failed: EIO; .*the old state was put back/ })
    t.equal((await store.read()).value, before ?? initial)
    t.same((await files.readdir(join(path, '..'))).filter(name => !name.endsWith('.lock')), before === undefined ? [] : ['state.json'])
    await store.close()
    const again = await open(path)
    t.equal((await again.store.read()).value, before ?? initial)
    t.ok((await write(again.store, 'newer')).ok)
    await again.store.close()
  }
})

t.test('a refused change that can\'t be taken back is said to be there after a restart, until the next change', { skip: process.platform === 'win32' }, async t => {
  const path = join(await temporaryDirectory(t), 'state.json')
  const { port, state } = withoutDirectorySync('rename')
  const { store } = await open(path, { files: port })
  await write(store, 'old')
  state.armed = true
  await t.rejects(write(store, 'new'), { name: 'StoreError', code: 'io', message: /could not be put back: after a restart the change may be there/ })
  t.equal((await store.read()).value, 'old')
  Object.assign(state, { armed: false, failed: false })
  t.ok((await write(store, 'newer')).ok)
  await store.close()
  const again = await open(path)
  t.equal((await again.store.read()).value, 'newer')
  await again.store.close()
})

t.test('a path that can\'t be a state file is refused at the start', async t => {
  const directory = t.testdir({ file: 'x', inside: {} })
  await t.rejects(open(join(directory, 'inside')), { name: 'StoreError', message: /not a regular file/ })
  await t.rejects(open(join(directory, 'file/state.json')), { name: 'StoreError', message: /state\.path/ })
})

t.test('a symbolic link to a file of somebody else is refused, and the file stays', { skip: process.platform === 'win32' }, async t => {
  const directory = t.testdir({ precious: 'not ours' })
  await files.symlink(join(directory, 'precious'), join(directory, 'state.json'))
  await t.rejects(FileStore.open({ path: join(directory, 'state.json'), codec: textCodec, clock: new FakeClock(), log: new ListLog() }), {
    code: 'io', message: /symbolic link to .*precious.*nothing was changed/
  })
  t.equal(await files.readFile(join(directory, 'precious'), 'utf8'), 'not ours')
  t.same((await files.readdir(directory)).sort(), ['precious', 'state.json'])
})

t.test('a symbolic link stays a link to the state', { skip: process.platform === 'win32' }, async t => {
  const directory = t.testdir({ real: {} })
  await files.symlink(join(directory, 'real/state.json'), join(directory, 'state.json'))
  await files.writeFile(join(directory, 'real/state.json'), '{"format":"weir-state","formatVersion":1,"version":"1","value":"x"}')
  const { store } = await open(join(directory, 'state.json'))
  await write(store, 'y')
  await store.close()
  t.ok((await files.lstat(join(directory, 'state.json'))).isSymbolicLink())
  t.match(await files.readFile(join(directory, 'real/state.json'), 'utf8'), /"value":"y"/)
})

t.test('after closing, every operation fails with a clear error', async t => {
  const { store } = await open(join(await temporaryDirectory(t), 'state.json'))
  await store.close()
  await store.close()
  await t.rejects(store.read(), { code: 'closed' })
  await t.rejects(store.compareAndSwap('0', 'x'), { code: 'closed' })
})
