import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { readSecretKeys } from '../../../src/core/secret-file.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const ONE = 'one-secret-of-32-characters-abcd'
const TWO = 'two-secret-of-more-than-32-characters'

t.test('what a file of secrets may hold', async t => {
  const file = path.join(await temporaryDirectory(t), 'secret')
  const reading = async (content: string) => {
    await writeFile(file, content)
    return await readSecretKeys(file)
  }
  const keysOf = (found: Awaited<ReturnType<typeof reading>>): readonly string[] => 'keys' in found ? found.keys.map(key => key.export().toString('latin1')) : [found.fault]
  t.same(keysOf(await reading(ONE)), [ONE])
  t.same(keysOf(await reading(`${ONE}\r\n\n${TWO}\n`)), [ONE, TWO], 'in the order of the file, without empty lines')
  t.same(keysOf(await reading('')), ['it is empty'])
  t.same(keysOf(await reading('\n\n')), ['it is empty'])
  t.match(keysOf(await reading(`${ONE}\n${'b'.repeat(31)}`)), [/^line 2 is shorter than 32 characters/])
  t.match(keysOf(await reading(`${ONE} ${TWO}`)), [/^line 1 has a space/])
  t.match(keysOf(await reading(`${ONE}\u0000`)), [/^line 1 has a space, or a character that is not visible ASCII/])
  t.match(keysOf(await reading(`${ONE}\n`.repeat(5))), [/^it has 5 lines; 4 are allowed/])
  t.match(keysOf(await reading('a'.repeat(4_097))), [/^it is longer than 4096 bytes/])
})
