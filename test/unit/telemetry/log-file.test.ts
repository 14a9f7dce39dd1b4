import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findUnwritable, openLogFile } from '../../../src/telemetry/log-file.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'

t.test('a file is made, and appended to', async t => {
  const path = join(t.testdir({}), 'log')
  for (const text of ['a\n', 'b\n']) {
    const file = await openLogFile(path)
    await file.write(Buffer.from(text))
    await file.close()
  }
  t.equal(await readFile(path, 'utf8'), 'a\nb\n')
  t.equal(await findUnwritable(path), undefined)
})

t.test('a named pipe that nobody reads is refused at once', async t => {
  const path = join(t.testdir({}), 'pipe')
  execFileSync('mkfifo', [path], { env: childEnvironment() })
  await t.rejects(openLogFile(path), { message: /is a named pipe that nobody reads/ })
  t.match(await findUnwritable(path), /is a named pipe that nobody reads/)
})

t.test('one that somebody reads is written to', async t => {
  const path = join(t.testdir({}), 'pipe')
  execFileSync('mkfifo', [path], { env: childEnvironment() })
  // Opened for both, so that neither side waits for the other.
  const reader = spawn('sh', ['-c', 'exec 3<>"$0"; echo open; head -n 1 <&3', path], {
    env: childEnvironment(), stdio: ['ignore', 'pipe', 'inherit']
  })
  let out = ''
  reader.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  await once(reader.stdout, 'data')
  t.equal(await findUnwritable(path), undefined)
  const file = await openLogFile(path)
  await file.write(Buffer.from('a line\n'))
  await once(reader, 'close')
  await file.close()
  t.equal(out, 'open\na line\n')
})

t.test('/dev/null takes everything, a directory nothing', async t => {
  t.equal(await findUnwritable('/dev/null'), undefined)
  t.match(await findUnwritable(t.testdir({})), /can't be written: EISDIR/)
  await t.rejects(openLogFile(t.testdir({})), { code: 'EISDIR' })
})
