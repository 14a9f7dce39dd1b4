import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import { WatchedFiles } from '../../../src/certificates/watched-files.ts'

interface Watch {
  readonly directory: string
  readonly files: WatchedFiles
  /** The names of the files that were told of, a set for each call. */
  readonly told: string[][]
  /** Waits for the next call. */
  next (): Promise<readonly string[]>
  textOf (name: string): string
  at (name: string): string
}

/** Writes in place, in one step: a file that is cut off first may be looked at while it is empty. The text is not shorter than the one before. */
async function overwrite (file: string, text: string): Promise<void> {
  const handle = await open(file, 'r+')
  await handle.write(text, 0)
  await handle.close()
}

interface Times {
  readonly pollMs?: number
  readonly graceMs?: number
}

/** Files with these contents, watched. */
async function watch (t: Test, contents: Readonly<Record<string, string>>, times: Times = {}): Promise<Watch> {
  const directory = await mkdtemp(path.join(tmpdir(), 'weir-watched-'))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  for (const [name, text] of Object.entries(contents)) await writeFile(path.join(directory, name), text)
  return await watchIn(t, directory, Object.keys(contents), times)
}

/** The files of these names, watched by one more. */
async function watchIn (t: Test, directory: string, names: readonly string[], times: Times = {}): Promise<Watch> {
  const at = (name: string): string => path.join(directory, name)
  const told: string[][] = []
  let wake = (): void => {}
  const files = new WatchedFiles({
    clock: systemClock,
    pollMs: 20,
    settleMs: 5,
    graceMs: 40,
    ...times,
    onChange: paths => {
      told.push([...paths].map(file => path.relative(directory, file)).sort())
      wake()
    }
  })
  t.teardown(() => { files.stop() })
  await files.add(names.map(at))
  let seen = 0
  return {
    directory,
    files,
    told,
    at,
    async next () {
      // The clock's timers do not keep the process alive.
      const alive = setInterval(() => {}, 1_000)
      while (told.length === seen) await new Promise<void>(resolve => { wake = resolve })
      clearInterval(alive)
      return told[seen++] ?? []
    },
    textOf (name) {
      const content = files.contentOf(at(name))
      if (content === undefined) return 'not watched'
      return 'fault' in content ? `fault: ${content.fault}` : content.bytes.toString()
    }
  }
}

t.test('what is added is read, and told to who adds it alone', async t => {
  const { files, at, told, textOf } = await watch(t, { a: 'one' })
  await writeFile(at('b'), 'two')
  const contents = await files.add([at('b'), at('b'), at('gone')])
  t.same([...contents.keys()], [at('b'), at('gone')])
  t.match(contents.get(at('gone')), { fault: /^does not exist/ })
  t.same([textOf('a'), textOf('b'), textOf('gone')], ['one', 'two', 'fault: does not exist; is the volume mounted, and the path right?'])
  t.same(told, [])
})

t.test('a file that is written in place, renamed over, or touched without a change', async t => {
  const { at, next, textOf, told } = await watch(t, { a: 'one', b: 'other' })
  await overwrite(at('a'), 'two')
  t.same(await next(), ['a'])
  t.equal(textOf('a'), 'two')
  await writeFile(at('new'), 'three')
  await rename(at('new'), at('a'))
  t.same(await next(), ['a'])
  t.equal(textOf('a'), 'three')
  await overwrite(at('b'), 'other')
  await overwrite(at('a'), 'seven')
  t.same(await next(), ['a'])
  t.equal(told.length, 3)
})

t.test('files of a mounted Secret change together', async t => {
  const directory = await mkdtemp(path.join(tmpdir(), 'weir-secret-'))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  for (const [version, text] of [['..1', 'one'], ['..2', 'two']] as const) {
    await mkdir(path.join(directory, version))
    await writeFile(path.join(directory, version, 'tls.crt'), `cert ${text}`)
    await writeFile(path.join(directory, version, 'tls.key'), `key ${text}`)
  }
  await symlink('..1', path.join(directory, '..data'))
  const named = ['tls.crt', 'tls.key'].map(name => path.join(directory, name))
  for (const file of named) await symlink(path.join('..data', path.basename(file)), file)
  const { files, next } = await watch(t, {})
  await files.add(named)
  await symlink('..2', path.join(directory, '..data_tmp'))
  await rename(path.join(directory, '..data_tmp'), path.join(directory, '..data'))
  t.equal((await next()).length, 2)
  t.match(files.contentOf(named[1] ?? ''), { bytes: Buffer.from('key two') })
})

t.test('a file that is gone for a moment is no news', async t => {
  const { directory, at, next, textOf, told } = await watch(t, { a: 'one', b: 'x' }, { graceMs: 600_000 })
  const hasty = await watchIn(t, directory, ['a'], { graceMs: 0 })
  await rm(at('a'))
  t.same(await hasty.next(), ['a'], 'it was gone for long enough to be seen')
  await writeFile(at('a'), 'one')
  await overwrite(at('b'), 'y')
  t.same(await next(), ['b'])
  t.equal(textOf('a'), 'one')
  t.equal(told.length, 1)
})

t.test('a file that stays away is news, and so is its return', async t => {
  const { at, next, textOf, told } = await watch(t, { a: 'one' })
  await rm(at('a'))
  t.same(await next(), ['a'])
  t.match(textOf('a'), /^fault: does not exist/)
  await writeFile(at('new'), 'one')
  await rename(at('new'), at('a'))
  t.same(await next(), ['a'])
  t.equal(textOf('a'), 'one')
  t.equal(told.length, 2)
})

t.test('what is forgotten or stopped is not told of', async t => {
  const { directory, files, at, next, textOf, told } = await watch(t, { a: 'one', b: 'two' })
  files.retain([at('b')])
  await overwrite(at('a'), 'four')
  await overwrite(at('b'), 'six')
  t.same(await next(), ['b'])
  t.equal(textOf('a'), 'not watched')
  files.stop()
  const other = await watchIn(t, directory, ['b'])
  await writeFile(at('b'), 'five')
  t.same(await other.next(), ['b'])
  t.equal(told.length, 1)
})

t.test('what can\'t be read says why', async t => {
  const { files, directory, at } = await watch(t, { large: 'x'.repeat(1_048_577) })
  const contents = await files.add([directory, at('large'), path.join(at('large'), 'below')])
  t.same([...contents.values()], [
    { fault: 'is not a regular file' },
    { fault: 'has 1048577 bytes; 1048576 are allowed' },
    { fault: 'has a part in its path that is not a directory' }
  ])
})
