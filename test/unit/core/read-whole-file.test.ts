import { execFileSync } from 'node:child_process'
import { chmod, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { readWholeFile } from '../../../src/core/read-whole-file.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'

t.test('a file is read whole, up to the bound', async t => {
  const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const directory = t.testdir({ binary, empty: '' })
  t.same(await readWholeFile(path.join(directory, 'binary'), 256), { bytes: binary })
  t.same(await readWholeFile(path.join(directory, 'empty'), 256), { bytes: Buffer.alloc(0) })
  await symlink('binary', path.join(directory, 'link'))
  t.same(await readWholeFile(path.join(directory, 'link'), 256), { bytes: binary }, 'through a link too')
})

t.test('a file of many reads is whole', async t => {
  const bytes = Buffer.alloc(3_000_000, 'weir')
  const file = path.join(t.testdir({ large: bytes }), 'large')
  const content = await readWholeFile(file, 3_000_000)
  t.ok('bytes' in content && content.bytes.equals(bytes))
})

t.test('what is not a regular file of a sensible size is refused, without the system refusing', async t => {
  const directory = t.testdir({ large: 'xxxxx' })
  t.same(await readWholeFile(path.join(directory, 'large'), 4), { fault: { kind: 'large', phrase: 'has 5 bytes; 4 are allowed', systemMessage: '' } })
  t.same(await readWholeFile(directory, 100_000), { fault: { kind: 'directory', phrase: 'is not a regular file', systemMessage: '' } })
})

t.test('a named pipe is refused at once', { skip: process.platform === 'win32' }, async t => {
  const pipe = path.join(t.testdir({}), 'pipe')
  execFileSync('mkfifo', [pipe], { env: childEnvironment() })
  t.same(await readWholeFile(pipe, 100), { fault: { kind: 'special', phrase: 'is not a regular file', systemMessage: '' } })
})

t.test('what the system refuses is told in words, and in its own', async t => {
  const directory = t.testdir({ file: '' })
  await symlink('loop', path.join(directory, 'loop'))
  const cases: ReadonlyArray<readonly [string, string, RegExp, RegExp]> = [
    ['gone', 'missing', /^does not exist$/, /^ENOENT/],
    ['file/below', 'system', /^has a part in its path that is not a directory$/, /^ENOTDIR/],
    ['loop', 'system', /^is a symbolic link that leads in a circle$/, /^ELOOP/],
    ['a\0b', 'system', /^cannot be read: .*null bytes/, /null bytes/]
  ]
  for (const [name, kind, phrase, systemMessage] of cases) {
    t.match(await readWholeFile(`${directory}/${name}`, 100), { fault: { kind, phrase, systemMessage } }, name)
  }
})

t.test('a file that may not be read is refused', { skip: process.platform === 'win32' || process.getuid?.() === 0 }, async t => {
  const file = path.join(t.testdir({}), 'secret')
  await writeFile(file, '')
  await chmod(file, 0)
  t.match(await readWholeFile(file, 100), { fault: { kind: 'system', phrase: 'may not be read by the user that Weir runs as' } })
})

t.test('a file with more than it is said to have has grown meanwhile', { skip: process.platform !== 'linux' }, async t => {
  // The kernel says that its files have no bytes.
  t.match(await readWholeFile('/proc/self/status', 100_000), { fault: { kind: 'grew', phrase: /^grew while it was read/, systemMessage: '' } })
})
