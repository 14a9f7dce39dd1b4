import * as files from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FileListStore } from '../../../src/lists/file-list-store.ts'
import { sealList } from '../../../src/lists/seal-list.ts'
import { MemberList } from '../../../src/lists/member-list.ts'
import { ChangeDeadline } from '../../../src/store/change-deadline.ts'
import type { StoreFiles } from '../../../src/store/durable-file.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const BETA = { route: 'hello', list: 'beta' }

function storeIn (t: Test, directory: string, port?: StoreFiles) {
  const log = new ListLog()
  const store = new FileListStore({ statePath: join(directory, 'state.json'), clock: new FakeClock(), log, ...(port === undefined ? {} : { files: port }) })
  t.teardown(async () => { await store.close() })
  return { store, log, path: join(directory, 'state.json.lists', 'hello.LIST.beta') }
}

const adding = (id: string) => (before: MemberList): MemberList => before.with(id)

t.test('members outlive the process, each list in a file of its own, and a list that is not named keeps them', async t => {
  const directory = await temporaryDirectory(t)
  const { store, path } = storeIn(t, directory)
  await store.load([])
  t.same(await store.storedOf('hello'), [])
  await t.rejects(files.stat(join(directory, 'state.json.lists')), 'who has no list has no directory')
  await store.load([BETA])
  const heard: object[] = []
  store.watch((ref, { ids }) => { heard.push({ ...ref, ids }) })
  await store.change(BETA, adding('b'), new ChangeDeadline(new FakeClock()))
  await store.change(BETA, adding('a'), new ChangeDeadline(new FakeClock()))
  await store.change({ route: 'hello', list: 'team' }, adding('c'), new ChangeDeadline(new FakeClock()))
  t.same(heard, [{ ...BETA, ids: ['b'] }, { ...BETA, ids: ['a', 'b'] }, { route: 'hello', list: 'team', ids: ['c'] }])
  store.retain([])
  t.same(store.current(BETA).ids, [])
  await store.close()
  t.match(await files.readFile(path, 'utf8'), /^\{"format":"weir-list".*\}\na\nb\n$/)
  const { store: next } = storeIn(t, directory)
  await files.writeFile(`${path}.corrupt-1`, 'x')
  t.same((await next.storedOf('hello')).toSorted(), ['beta', 'team'], 'also before they are loaded')
  t.same(await next.storedOf('other'), [])
  await next.load([BETA])
  t.same(next.current(BETA).ids, ['a', 'b'])
})

t.test('two processes do not share the lists', async t => {
  const directory = await temporaryDirectory(t)
  const { store } = storeIn(t, directory)
  await store.load([BETA])
  await t.rejects(storeIn(t, directory).store.load([BETA]), { code: 'locked' })
})

t.test('a file that was cut off is named and moved aside, and nothing of it is used', async t => {
  const directory = await temporaryDirectory(t)
  const { store, path, log } = storeIn(t, directory)
  await files.mkdir(join(directory, 'state.json.lists'))
  await files.writeFile(path, sealList(BETA, MemberList.of(['a', 'b', 'c'])).subarray(0, -2))
  await store.load([BETA])
  t.same(store.current(BETA).ids, [])
  t.match(log.at('error')[0]?.fields, { ...BETA, path, movedTo: `${path}.corrupt-1` })
  t.ok(await files.stat(`${path}.corrupt-1`))
})

t.test('a file of a newer Weir is not touched, and a reload that needs it fails', async t => {
  const directory = await temporaryDirectory(t)
  const { store, path } = storeIn(t, directory)
  await files.mkdir(join(directory, 'state.json.lists'))
  await files.writeFile(path, '{"format":"weir-list","formatVersion":2}\n')
  await t.rejects(store.load([BETA]), { code: 'read-only', message: /format version 2/ })
  t.ok(await files.stat(path))
})

t.test('a link is not followed', async t => {
  const directory = await temporaryDirectory(t)
  const { store, path } = storeIn(t, directory)
  await files.mkdir(join(directory, 'state.json.lists'))
  await files.writeFile(join(directory, 'other'), 'x')
  await files.symlink(join(directory, 'other'), path)
  await t.rejects(store.load([BETA]), { name: 'StoreError', code: 'io' })
  t.equal(await files.readFile(join(directory, 'other'), 'utf8'), 'x')
})

t.test('on a full disk a change is refused, and what was there is there', async t => {
  const directory = await temporaryDirectory(t)
  let full = false
  const port: StoreFiles = {
    ...files,
    open: async (path, flags, mode) => {
      if (full && String(path).endsWith('.tmp')) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      return await files.open(path, flags, mode)
    }
  }
  const { store, path } = storeIn(t, directory, port)
  await store.load([BETA])
  await store.change(BETA, adding('a'), new ChangeDeadline(new FakeClock()))
  full = true
  await t.rejects(store.change(BETA, adding('b'), new ChangeDeadline(new FakeClock())), { code: 'no-space', message: /writing the list .*no space left/ })
  t.same(store.current(BETA).ids, ['a'])
  t.match(await files.readFile(path, 'utf8'), /\na\n$/)
  full = false
  await store.change(BETA, adding('b'), new ChangeDeadline(new FakeClock()))
  t.same(store.current(BETA).ids, ['a', 'b'])
})
