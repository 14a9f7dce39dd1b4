import { rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { ReplicaSecret } from '../../../src/replicas/replica-secret.ts'
import { readWholeFile } from '../../../src/core/read-whole-file.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const ONE = 'one-secret-of-32-characters-abcd'
const TWO = 'two-secret-of-more-than-32-characters'

t.test('a file is read again when it changes, at most once a second; one that can\'t be used leaves no secret', async t => {
  const file = path.join(await temporaryDirectory(t), 'secret')
  const clock = new FakeClock()
  const log = new ListLog()
  const put = async (content: string): Promise<void> => {
    await writeFile(`${file}.new`, content)
    await rename(`${file}.new`, file)
  }
  let exhausted = false
  const secret = new ReplicaSecret(file, clock, log, async (name, max) => exhausted
    ? { fault: { kind: 'exhausted', phrase: 'cannot be read now', systemMessage: 'EMFILE' } }
    : await readWholeFile(name, max))
  const texts = async (): Promise<readonly string[] | undefined> => (await secret.keys())?.map(key => key.export().toString('latin1'))

  await put(ONE)
  t.same(await texts(), [ONE])
  await put(TWO)
  t.same(await texts(), [ONE], 'not within the second')
  clock.advance(1_000)
  t.same(await texts(), [TWO])

  exhausted = true
  clock.advance(1_000)
  t.same(await texts(), [TWO], 'no descriptor is free: that says nothing of the file')
  exhausted = false

  await rm(file)
  for (let round = 0; round < 3; round++) {
    clock.advance(1_000)
    t.equal(await texts(), undefined)
  }
  t.match(secret.fault, /ENOENT/)
  t.notMatch(secret.fault, file, 'whoever may ask is not told where the file lies')
  t.match(log.events.at(-1)?.fields, { file, fault: /open '.*secret'/ })
  await put(ONE)
  clock.advance(1_000)
  t.same(await texts(), [ONE])
  t.equal(secret.fault, '')
  t.same(log.events.map(({ message }) => message), [
    'the secret of the replicas can\'t be used: no other replica is believed until its file is right', 'the secret of the replicas can be used again'
  ], 'each once')
})
